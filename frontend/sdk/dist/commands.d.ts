/** Commands on their way: each keeps its id until it is answered, however often the connection breaks. */
import { CommandError } from './errors.js';
export interface SendOptions {
    /** Milliseconds after which the promise is given up; the command may have taken effect all the same. Default: never. */
    timeout?: number;
    /** A command that means this connection: it goes with it. */
    once?: boolean;
    /** A command whose loss the user would notice: it counts as unsaved until it is answered. */
    durable?: boolean;
}
export interface Answer<T> {
    data: T;
    /** Where the command's event stands in its room's log, if there is one. */
    room?: string;
    epoch?: string;
    seq?: number;
}
export interface Told<T> {
    resolve: (answer: Answer<T>) => void;
    reject: (error: CommandError) => void;
}
export interface Pending {
    id: string;
    frame: string;
    since: number;
    durable: boolean;
    once: boolean;
    sent: boolean;
    told: Told<never>;
    clock: ReturnType<typeof setTimeout> | undefined;
}
/** The most that may wait for a connection or an answer. */
export declare const LIMITS: {
    commands: number;
    characters: number;
};
export declare class CommandQueue {
    private readonly prefix;
    private readonly waiting;
    private characters;
    private number;
    constructor(prefix: string);
    /**
     * Takes a command in; it is sent by whoever calls `unsent`.
     *
     * What it is answered with is told at once: a promise would tell of a join only after the events that follow it.
     */
    add<T>(type: string, data: unknown, { timeout, durable, once }: SendOptions, told: Told<T>): Pending | null;
    get(id: string): Pending | undefined;
    /** Takes a command out, because it was answered or given up. */
    take(id: string): Pending | undefined;
    /** The commands that were not sent over this connection yet, in the order they were given. */
    unsent(): Pending[];
    /** Notes that the connection broke: nothing that waits is known to have arrived. */
    lost(): void;
    /** Gives everything up. */
    clear(error: CommandError): void;
    get unsaved(): number;
    /** Since when the oldest command waits whose loss the user would notice. */
    get unsavedSince(): number | null;
}
