/** The connection: one socket, found again whenever it is lost, on which every command is answered exactly once. */
import { ObservableV2 } from 'lib0/observable';
import { type Backoff } from './backoff.js';
import { type Answer, type SendOptions } from './commands.js';
import { CommandError } from './errors.js';
import { Room } from './room.js';
import { Rest } from './rest.js';
import type { Acks, Commands, Connected } from './wire.js';
/**
 * - `offline`: not asked to connect.
 * - `connecting`: the first try, or another after the connection was lost (`reconnecting`).
 * - `live`: signed in; commands go out.
 * - `draining`: the server is about to stop; everything still works, and the client comes back by itself.
 * - `stopped`: the server does not want this client back; `reason` says why.
 */
export type State = 'offline' | 'connecting' | 'live' | 'draining' | 'reconnecting' | 'stopped';
export interface Status {
    state: State;
    /** The code that a connection was last closed with, and its reason; of a refused sign-in, the error's code. */
    code: number | null;
    reason: string;
    /** When the next try is due. */
    next: number | null;
}
export interface ClientOptions {
    /** Where the server is, e.g. `https://bduf.example`; by default where the page comes from. */
    url?: string;
    /** Gives a token that is valid now; asked again whenever one expires. */
    token: () => string | Promise<string>;
    name?: string;
    version?: string;
    backoff?: Backoff;
    /** What opens sockets; `ws` in Node. */
    WebSocket?: new (url: string, protocols?: string | string[]) => WebSocket;
}
export interface ClientEvents {
    status: (status: Status) => void;
    /** How many commands wait whose loss the user would notice has changed. */
    unsaved: (count: number, since: number | null) => void;
    connected: (connected: Connected) => void;
    /** An error of the connection, or one that answers no command. */
    error: (error: CommandError) => void;
}
export declare class Client extends ObservableV2<{
    [K in keyof ClientEvents]: ClientEvents[K];
}> {
    private readonly options;
    status: Status;
    /** What the server said when it let us in; null while it has not. */
    connected: Connected | null;
    /** Tells this client from others of the same user, and stays the same over reconnects. */
    readonly instance: `${string}-${string}-${string}-${string}-${string}`;
    readonly rest: Rest;
    private readonly url;
    private readonly queue;
    private readonly rooms;
    private socket;
    private clock;
    private silence;
    private tries;
    private refusals;
    constructor(options: ClientOptions);
    /** Connects, and stays connected until `close`. */
    connect(): void;
    /** Ends the connection; what still waits is given up. */
    close(): void;
    /** Tries again at once, where the next try is still to come. */
    readonly hurry: () => void;
    private open;
    /** Ends a socket, and forgets it at once: browsers take their time to say that it is closed. */
    private drop;
    private lost;
    /** Takes a server for gone that says nothing for so many seconds: it pings more often. */
    private listen;
    private turn;
    /** Sends a command, at once or when there is a connection, until it is answered; rejects with CommandError. */
    send<T extends keyof Commands>(type: T, data: Commands[T], options?: SendOptions): Promise<Answer<Acks[T]>>;
    /** Sends something of which only the latest is of interest, if there is a connection. */
    whisper<T extends keyof Commands>(type: T, data: Commands[T]): void;
    /** A room, which is joined now and whenever the connection is back, until it is left as often as it was asked for. */
    room(name: string): Room;
    get unsaved(): number;
    get unsavedSince(): number | null;
    private readonly askFor;
    private tell;
    private flush;
    private post;
    private write;
    private receive;
    private take;
    private welcomed;
    private answered;
    private refused;
    private refresh;
}
