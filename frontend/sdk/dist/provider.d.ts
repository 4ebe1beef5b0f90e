/** A Yjs document over the client's socket, together with everything else that is on it. */
import { ObservableV2 } from 'lib0/observable';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import type { Client } from './client.js';
import { CommandError } from './errors.js';
import type { Room } from './room.js';
import type { DocumentInfo } from './wire.js';
export interface ProviderEvents {
    /** Whether this document has all that the server has. */
    synced: (synced: boolean) => void;
    /** Whether edits wait that the server has not confirmed, and since when. */
    unsaved: (since: number | null) => void;
    /** The server takes no edits, and why; null when it does again. */
    refused: (error: CommandError | null) => void;
}
export declare class DocumentProvider extends ObservableV2<{
    [K in keyof ProviderEvents]: ProviderEvents[K];
}> {
    readonly client: Client;
    readonly document: string;
    readonly doc: Y.Doc;
    readonly room: Room;
    readonly awareness: Awareness;
    synced: boolean;
    info: DocumentInfo | null;
    refusal: CommandError | null;
    unsavedSince: number | null;
    /** What the caller may do here, as far as it is known. */
    permissions: string[];
    private readonly session;
    /** Edits that wait for the one before them to be confirmed. */
    private waiting;
    private sending;
    private cursor;
    /** Keeps `doc` the same as a document of strategy `merge`; its text is the root `content`. */
    constructor(client: Client, document: string, doc: Y.Doc, { session }?: {
        session?: string;
    });
    destroy(): void;
    /** Tries again what was refused, e.g. after a role has changed. */
    retry(): void;
    private readonly joined;
    private readonly left;
    private readonly heard;
    /** Takes all that the server has, and gives it what it lacks. */
    private take;
    /** Whether the server, which has so much, lacks anything that was written here. */
    private lacks;
    private synchronise;
    private arrived;
    private readonly edited;
    /** Sends what waits as one edit, when the one before it is confirmed. */
    private next;
    private post;
    private failed;
    private refuse;
    private save;
    private readonly moved;
    private readonly pointed;
    private readonly move;
}
