/** Cursors of others as states of a Yjs awareness, which editors know how to draw. */
import type { Awareness } from 'y-protocols/awareness';
/** Somebody's cursor, as `collaboration:cursor:moved` tells it. */
export interface Cursor {
    user: string;
    name: string;
    kind: string;
    connection: string;
    document: string | null;
    position: Record<string, unknown> | null;
    selection: Record<string, unknown> | null;
    status: string | null;
    at: string;
}
export declare const COLORS: readonly ['#b42318', '#b54708', '#8a6100', '#4d7c0f', '#15803d', '#0f766e', '#0e7490', '#1d4ed8', '#4338ca', '#7e22ce', '#a21caf', '#be185d'];
/** A user's colour, the same for everybody: the server picks it alike. */
export declare function colorOf(user: string): string;
/** A number for a connection that none of Yjs's own clients is likely to have. */
export declare function clientOf(connection: string): number;
/** Shows others' cursors in a document, and takes away those that are gone or elsewhere. */
export declare function showCursors(awareness: Awareness, document: string, cursors: Cursor[], origin: unknown): void;
/** Takes everybody else away, when it is not known any more where they are. */
export declare function hideCursors(awareness: Awareness, origin: unknown): void;
