/** A Yjs document over the client's socket, together with everything else that is on it. */
import { fromBase64, toBase64 } from 'lib0/buffer';
import { ObservableV2 } from 'lib0/observable';
import { Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { hideCursors, showCursors } from './cursors.js';
import { CommandError } from './errors.js';
const UPDATED = 'collaboration:document:updated';
// Beside the update there is the envelope; and base64 makes four characters of three bytes.
const envelope = (limit) => Math.floor((limit - 1_024) / 4) * 3;
export class DocumentProvider extends ObservableV2 {
    client;
    document;
    doc;
    room;
    awareness;
    synced = false;
    info = null;
    refusal = null;
    unsavedSince = null;
    /** What the caller may do here, as far as it is known. */
    permissions = [];
    session;
    /** Edits that wait for the one before them to be confirmed. */
    waiting = [];
    sending = false;
    cursor;
    /** Keeps `doc` the same as a document of strategy `merge`; its text is the root `content`. */
    constructor(client, document, doc, { session } = {}) {
        super();
        this.client = client;
        this.document = document;
        this.doc = doc;
        this.awareness = new Awareness(doc);
        this.room = client.room(`document:${document}`);
        this.session = session === undefined ? null : client.room(`session:${session}`);
        this.room.on('joined', this.joined);
        this.room.on('left', this.left);
        this.room.on('event', this.heard);
        const cursors = this.session ?? this.room;
        cursors.on('ephemeral', this.moved);
        cursors.on('joined', this.move);
        doc.on('update', this.edited);
        this.awareness.on('update', this.pointed);
        if (this.room.joined !== null)
            void this.joined(this.room.joined);
    }
    destroy() {
        clearTimeout(this.cursor);
        this.doc.off('update', this.edited);
        this.room.off('joined', this.joined);
        this.room.off('left', this.left);
        this.room.off('event', this.heard);
        const cursors = this.session ?? this.room;
        cursors.off('ephemeral', this.moved);
        cursors.off('joined', this.move);
        if (this.session !== null) {
            this.client.whisper('collaboration:cursor:move', { session: this.session.name.slice(8), position: null });
        }
        this.awareness.destroy();
        this.room.leave();
        this.session?.leave();
        super.destroy();
    }
    /** Tries again what was refused, e.g. after a role has changed. */
    retry() {
        if (this.refusal !== null && this.room.joined !== null)
            void this.synchronise();
    }
    // --- what comes ----------------------------------------------------------------------------------------------
    joined = async (joined) => {
        this.permissions = joined.permissions;
        if (joined.recovered === 'full') {
            this.arrived();
            this.next();
        }
        else {
            await this.take(joined.state);
        }
    };
    left = () => {
        this.arrived(false);
        hideCursors(this.awareness, this);
    };
    heard = (event) => {
        if (event.type === UPDATED) {
            const { update } = event.data;
            if (typeof update === 'string')
                Y.applyUpdate(this.doc, fromBase64(update), this);
        }
    };
    /** Takes all that the server has, and gives it what it lacks. */
    async take(state) {
        this.info = state.document ?? this.info;
        let { update, state_vector: vector } = state;
        if (state.large === true) {
            const content = await this.client.rest.get(`documents/${this.document}/content/?yjs=true`);
            update = content.update;
            vector = content.state_vector;
        }
        if (update !== undefined)
            Y.applyUpdate(this.doc, fromBase64(update), this);
        const has = vector === undefined ? undefined : fromBase64(vector);
        const missing = Y.encodeStateAsUpdate(this.doc, has);
        this.waiting = this.lacks(has) ? [missing] : [];
        this.arrived();
        this.next();
    }
    /** Whether the server, which has so much, lacks anything that was written here. */
    lacks(has) {
        const known = has === undefined ? new Map() : Y.decodeStateVector(has);
        for (const [client, clock] of Y.decodeStateVector(Y.encodeStateVector(this.doc))) {
            if ((known.get(client) ?? 0) < clock)
                return true;
        }
        return this.unsavedSince !== null; // or deleted, which no state vector says
    }
    async synchronise() {
        const { data } = await this.client.send('collaboration:document:sync', {
            document: this.document,
            state_vector: toBase64(Y.encodeStateVector(this.doc))
        });
        await this.take(data);
    }
    arrived(synced = true) {
        if (this.synced !== synced) {
            this.synced = synced;
            this.emit('synced', [synced]);
        }
    }
    // --- what goes -----------------------------------------------------------------------------------------------
    edited = (update, origin) => {
        if (origin === this)
            return;
        this.waiting.push(update);
        if (this.unsavedSince === null)
            this.save(Date.now());
        this.next();
    };
    /** Sends what waits as one edit, when the one before it is confirmed. */
    next() {
        if (this.sending || this.room.joined === null || this.waiting.length === 0)
            return;
        const update = this.waiting.length === 1 ? this.waiting[0] : Y.mergeUpdates(this.waiting);
        this.waiting = [];
        this.sending = true;
        this.post(update).then(() => {
            this.sending = false;
            this.refuse(null);
            if (this.waiting.length === 0)
                this.save(null);
            this.next();
        }, (error) => {
            this.sending = false;
            this.failed(update, error);
        });
    }
    async post(update) {
        const limit = this.client.connected?.limits['message_bytes'] ?? 65_536;
        const encoded = toBase64(update);
        if (update.length <= envelope(limit)) {
            await this.client.send('collaboration:document:update', { document: this.document, update: encoded }, { durable: true });
        }
        else {
            await this.client.rest.patch(`documents/${this.document}/content/`, { update: encoded });
        }
    }
    failed(update, error) {
        this.waiting.unshift(update);
        if (!(error instanceof CommandError) || error.code === 'client.closed')
            return;
        if (error.details['reason'] === 'missing_deps' && this.refusal === null) {
            this.refuse(error);
            void this.synchronise();
        }
        else if (error.code !== 'room.not_joined') { // it is joined again, and then sent
            this.refuse(error);
        }
    }
    refuse(error) {
        if (this.refusal !== error) {
            this.refusal = error;
            this.emit('refused', [error]);
        }
    }
    save(since) {
        this.unsavedSince = since;
        this.emit('unsaved', [since]);
    }
    // --- cursors -------------------------------------------------------------------------------------------------
    moved = ({ type, data }) => {
        if (type === 'collaboration:cursor:moved') {
            showCursors(this.awareness, this.document, data['cursors'], this);
        }
    };
    pointed = (_changed, origin) => {
        if (origin !== 'local')
            return;
        // Once a tick: the server passes on no more.
        this.cursor ??= setTimeout(this.move, this.client.connected?.cursor_tick_ms ?? 50);
    };
    move = () => {
        clearTimeout(this.cursor);
        this.cursor = undefined;
        const state = this.awareness.getLocalState();
        const cursor = state?.['cursor'];
        const place = {
            document: this.document,
            ...(this.session === null ? {} : { session: this.session.name.slice(8) })
        };
        if (state === null || (this.session ?? this.room).joined === null)
            return;
        const { anchor, head } = JSON.parse(JSON.stringify(cursor ?? {}));
        this.client.whisper('collaboration:cursor:move', anchor === undefined || head === undefined
            ? { ...place, position: {} }
            : { ...place, position: head, selection: { anchor, head } });
    };
}
//# sourceMappingURL=provider.js.map