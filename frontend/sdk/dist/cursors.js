/** Cursors of others as states of a Yjs awareness, which editors know how to draw. */
export const COLORS = [
    '#b42318', '#b54708', '#8a6100', '#4d7c0f', '#15803d', '#0f766e',
    '#0e7490', '#1d4ed8', '#4338ca', '#7e22ce', '#a21caf', '#be185d'
];
/** A user's colour, the same for everybody: the server picks it alike. */
export function colorOf(user) {
    return COLORS[parseInt(user.slice(0, 8), 16) % COLORS.length] ?? COLORS[0];
}
/** A number for a connection that none of Yjs's own clients is likely to have. */
export function clientOf(connection) {
    let hash = 2166136261; // FNV-1a
    for (const character of connection)
        hash = Math.imul(hash ^ character.charCodeAt(0), 16777619);
    return hash >>> 0;
}
/** Shows others' cursors in a document, and takes away those that are gone or elsewhere. */
export function showCursors(awareness, document, cursors, origin) {
    const changed = { added: [], updated: [], removed: [] };
    for (const cursor of cursors) {
        const client = clientOf(cursor.connection);
        const known = awareness.states.has(client);
        const clock = (awareness.meta.get(client)?.clock ?? 0) + 1;
        if (cursor.position !== null && cursor.document === document) {
            awareness.states.set(client, stateOf(cursor));
            changed[known ? 'updated' : 'added'].push(client);
        }
        else if (known) {
            awareness.states.delete(client);
            changed.removed.push(client);
        }
        else {
            continue;
        }
        // Not forgotten as by other providers after half a minute: the server says when somebody is gone.
        awareness.meta.set(client, { clock, lastUpdated: Number.MAX_SAFE_INTEGER });
    }
    tell(awareness, changed, origin);
}
/** Takes everybody else away, when it is not known any more where they are. */
export function hideCursors(awareness, origin) {
    const removed = [...awareness.states.keys()].filter(client => client !== awareness.clientID);
    for (const client of removed)
        awareness.states.delete(client);
    tell(awareness, { added: [], updated: [], removed }, origin);
}
function tell(awareness, changed, origin) {
    if (changed.added.length + changed.updated.length + changed.removed.length > 0) {
        awareness.emit('change', [changed, origin]);
        awareness.emit('update', [changed, origin]);
    }
}
function stateOf({ user, name, kind, position, selection }) {
    const { anchor = position, head = position } = selection ?? {};
    const color = colorOf(user);
    const cursor = isPlace(anchor) && isPlace(head) ? { anchor, head } : null;
    return { user: { id: user, name, kind, color, colorLight: `${color}33` }, cursor };
}
function isPlace(value) {
    return typeof value === 'object' && value !== null && ('item' in value || 'tname' in value || 'type' in value);
}
//# sourceMappingURL=cursors.js.map