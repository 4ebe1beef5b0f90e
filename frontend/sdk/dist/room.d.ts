/** A room as this client sees it: every number once and in order, and after a gap what was missed. */
import { ObservableV2 } from 'lib0/observable';
import type { Told } from './commands.js';
import type { CommandError } from './errors.js';
import type { Acks, Author, Commands, Events } from './wire.js';
export interface RoomEvent<T extends keyof Events = keyof Events> {
    type: T;
    room: string;
    epoch: string;
    seq: number;
    at: string;
    by: Author;
    data: Events[T];
}
export interface Ephemeral {
    type: string;
    room: string;
    by?: Author;
    data: Record<string, unknown>;
}
export type Joined = Acks['room:join'] & {
    recovered: 'full' | 'snapshot' | 'none';
};
export interface RoomEvents {
    /** The room was entered, or entered again: with `state`, unless all that was missed follows as events. */
    joined: (joined: Joined) => void;
    event: (event: RoomEvent) => void;
    ephemeral: (event: Ephemeral) => void;
    /** The connection is lost, or the room cannot be entered. */
    left: (error: CommandError | null) => void;
}
export type Ask = (data: Commands['room:join'], told: Told<Acks['room:join']>) => void;
export declare class Room extends ObservableV2<{
    [K in keyof RoomEvents]: RoomEvents[K];
}> {
    readonly name: string;
    private readonly ask;
    private readonly forget;
    /** How many use it; managed by the client. */
    wanted: number;
    /** What the last join found; null while the room is not entered. */
    joined: Joined | null;
    /** Why the room cannot be entered, if the server said so. */
    error: CommandError | null;
    epoch: string;
    seq: number;
    private attempt;
    constructor(name: string, ask: Ask, forget: () => void);
    /** Leaves the room, when nobody else on this client uses it. */
    leave(): void;
    can(permission: string): boolean;
    /** Enters, from where it was. */
    join(): void;
    /** Enters anew, as if for the first time: whoever listens gets the state once more. */
    refresh(): void;
    /** Notes that the connection is lost. */
    lost(): void;
    /** Notes the number of a command of this connection: its ack stands for its event. */
    advance(epoch: string, seq: number): void;
    take(event: RoomEvent | Ephemeral): void;
    private enter;
    /** Whether a number is the next one. One that is not shows a gap: then the room is entered again from before it. */
    private follows;
}
