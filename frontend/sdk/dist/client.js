/** The connection: one socket, found again whenever it is lost, on which every command is answered exactly once. */
import { ObservableV2 } from 'lib0/observable';
import { BACKOFF, pause, verdict } from './backoff.js';
import { CommandQueue } from './commands.js';
import { CommandError } from './errors.js';
import { Room } from './room.js';
import { Rest } from './rest.js';
const OPEN = 1;
const FAREWELL = 1000;
export class Client extends ObservableV2 {
    options;
    status = { state: 'offline', code: null, reason: '', next: null };
    /** What the server said when it let us in; null while it has not. */
    connected = null;
    /** Tells this client from others of the same user, and stays the same over reconnects. */
    instance = crypto.randomUUID();
    rest;
    url;
    queue = new CommandQueue(this.instance.slice(0, 8));
    rooms = new Map();
    socket = null;
    clock;
    silence;
    tries = 0;
    refusals = 0;
    constructor(options) {
        super();
        this.options = options;
        this.url = (options.url ?? location.origin).replace(/\/$/, '');
        this.rest = new Rest(this.url, options.token);
        if (typeof addEventListener === 'function')
            addEventListener('online', this.hurry);
    }
    // --- the connection ------------------------------------------------------------------------------------------
    /** Connects, and stays connected until `close`. */
    connect() {
        if (this.status.state === 'offline' || this.status.state === 'stopped') {
            this.tries = this.refusals = 0;
            this.turn('connecting');
            void this.open();
        }
    }
    /** Ends the connection; what still waits is given up. */
    close() {
        if (typeof removeEventListener === 'function')
            removeEventListener('online', this.hurry);
        this.drop(FAREWELL);
        clearTimeout(this.clock);
        this.turn('offline');
        this.queue.clear(new CommandError('client.closed', 'The client was closed.'));
        this.tell();
    }
    /** Tries again at once, where the next try is still to come. */
    hurry = () => {
        if (this.status.next !== null) {
            clearTimeout(this.clock);
            void this.open();
        }
    };
    async open() {
        this.turn(this.status.state, { next: null });
        let token;
        try {
            token = await this.options.token();
        }
        catch (error) {
            this.lost(0, error instanceof Error ? error.message : String(error));
            return;
        }
        if (this.status.state === 'offline' || this.socket !== null)
            return;
        const Socket = this.options.WebSocket ?? WebSocket;
        const socket = this.socket = new Socket(`${this.url.replace(/^http/, 'ws')}/ws/`);
        const { name = 'bduf-sdk', version = '0' } = this.options;
        socket.onopen = () => socket.send(JSON.stringify({
            type: 'hello',
            id: 'hello',
            data: {
                token,
                client: { name, version, instance: this.instance },
                capabilities: ['batch'],
                timezone: Intl.DateTimeFormat().resolvedOptions().timeZone
            }
        }));
        socket.onmessage = ({ data }) => { if (socket === this.socket)
            this.receive(String(data)); };
        socket.onclose = ({ code, reason }) => { if (socket === this.socket)
            this.lost(code, reason); };
        this.listen(30);
    }
    /** Ends a socket, and forgets it at once: browsers take their time to say that it is closed. */
    drop(code) {
        const socket = this.socket;
        this.socket = this.connected = null;
        clearTimeout(this.silence);
        socket?.close(code);
    }
    lost(code, reason) {
        this.drop(FAREWELL);
        for (const room of this.rooms.values())
            room.lost();
        this.queue.lost();
        const { back, token, wait } = verdict(code, reason);
        this.refusals = token ? this.refusals + 1 : this.refusals;
        if (!back || this.refusals > 1) { // the second token in a row was refused, too
            this.turn('stopped', { code, reason, next: null });
            return;
        }
        const delay = pause(this.tries++, wait, this.options.backoff ?? BACKOFF);
        this.turn('reconnecting', { code, reason, next: Date.now() + delay });
        this.clock = setTimeout(() => { void this.open(); }, delay);
    }
    /** Takes a server for gone that says nothing for so many seconds: it pings more often. */
    listen(seconds) {
        clearTimeout(this.silence);
        this.silence = setTimeout(() => this.lost(0, 'silence'), seconds * 1000);
    }
    turn(state, changes = {}) {
        this.status = { ...this.status, ...changes, state };
        this.emit('status', [this.status]);
    }
    // --- commands ------------------------------------------------------------------------------------------------
    /** Sends a command, at once or when there is a connection, until it is answered; rejects with CommandError. */
    send(type, data, options = {}) {
        const answer = new Promise((resolve, reject) => this.queue.add(type, data, options, { resolve, reject }));
        this.flush();
        if (options.durable === true) {
            this.tell();
            answer.then(() => this.tell(), () => this.tell());
        }
        return answer;
    }
    /** Sends something of which only the latest is of interest, if there is a connection. */
    whisper(type, data) {
        if (this.connected !== null)
            this.write(JSON.stringify({ type, data }));
    }
    /** A room, which is joined now and whenever the connection is back, until it is left as often as it was asked for. */
    room(name) {
        let room = this.rooms.get(name);
        if (room === undefined) {
            room = new Room(name, this.askFor, () => {
                this.rooms.delete(name);
                if (this.connected !== null)
                    this.send('room:leave', { room: name }, { once: true }).catch(() => { });
            });
            this.rooms.set(name, room);
            if (this.connected !== null)
                room.join();
        }
        room.wanted++;
        return room;
    }
    get unsaved() { return this.queue.unsaved; }
    get unsavedSince() { return this.queue.unsavedSince; }
    askFor = (data, told) => {
        // Before whatever waits: that may need the room.
        const pending = this.queue.add('room:join', data, { once: true }, told);
        if (pending !== null && this.connected !== null)
            this.post(pending);
    };
    tell() {
        this.emit('unsaved', [this.unsaved, this.unsavedSince]);
    }
    flush() {
        if (this.connected === null)
            return;
        for (const pending of this.queue.unsent())
            this.post(pending);
    }
    post(pending) {
        pending.sent = this.write(pending.frame);
    }
    write(frame) {
        if (this.socket?.readyState !== OPEN)
            return false;
        this.socket.send(frame);
        return true;
    }
    // --- what comes in -------------------------------------------------------------------------------------------
    receive(text) {
        const read = JSON.parse(text);
        if (this.connected !== null)
            this.listen(this.connected.heartbeat.timeout);
        for (const message of Array.isArray(read) ? read : [read])
            this.take(message);
    }
    take(message) {
        switch (message.type) {
            case 'ping':
                this.write(JSON.stringify({ type: 'pong', id: message.id, data: {} }));
                break;
            case 'ack':
                this.answered(message);
                break;
            case 'error':
                this.refused(message);
                break;
            case 'connected':
                this.welcomed(message.data);
                break;
            case 'auth:expiring':
                void this.refresh();
                break;
            case 'server.draining':
                this.turn('draining');
                break;
            default:
                if (message.room !== undefined)
                    this.rooms.get(message.room)?.take(message);
        }
    }
    welcomed(connected) {
        this.connected = connected;
        this.tries = this.refusals = 0;
        this.listen(connected.heartbeat.timeout);
        this.turn('live', { code: null, reason: '' });
        this.emit('connected', [connected]);
        for (const room of this.rooms.values())
            room.join();
        this.flush();
    }
    answered(message) {
        const { id, data, room, epoch, seq } = message;
        if (room !== undefined && epoch !== undefined && seq !== undefined)
            this.rooms.get(room)?.advance(epoch, seq);
        const where = room === undefined ? {} : { room, ...(epoch === undefined ? {} : { epoch }), ...(seq === undefined ? {} : { seq }) };
        this.queue.take(id ?? '')?.told.resolve({ data: data, ...where });
    }
    refused(frame) {
        const error = CommandError.of(frame);
        const pending = this.queue.get(frame.id ?? '');
        if (pending === undefined) {
            this.emit('error', [error]);
        }
        else if (error.retryable && error.retryAfter !== null) {
            // Not refused for good: the same command again, under the same id.
            setTimeout(() => { if (this.connected !== null && this.queue.get(pending.id) === pending)
                this.post(pending); }, error.retryAfter);
        }
        else {
            this.queue.take(pending.id)?.told.reject(error);
        }
    }
    async refresh() {
        try {
            await this.send('auth:refresh', { token: await this.options.token() }, { once: true });
        }
        catch (error) {
            if (error instanceof CommandError)
                this.emit('error', [error]);
            // Without another token the server ends the connection, and says so.
        }
    }
}
//# sourceMappingURL=client.js.map