/** Commands on their way: each keeps its id until it is answered, however often the connection breaks. */
import { CommandError } from './errors.js';
/** The most that may wait for a connection or an answer. */
export const LIMITS = { commands: 5_000, characters: 16_000_000 };
export class CommandQueue {
    prefix;
    waiting = new Map();
    characters = 0;
    number = 0;
    constructor(prefix) {
        this.prefix = prefix;
    }
    /**
     * Takes a command in; it is sent by whoever calls `unsent`.
     *
     * What it is answered with is told at once: a promise would tell of a join only after the events that follow it.
     */
    add(type, data, { timeout, durable = false, once = false }, told) {
        const id = `${this.prefix}-${++this.number}`;
        const frame = JSON.stringify({ type, id, data });
        if (this.waiting.size >= LIMITS.commands || this.characters + frame.length > LIMITS.characters) {
            told.reject(new CommandError('client.full', 'Too much waits to be sent.', true));
            return null;
        }
        const pending = { id, frame, since: Date.now(), durable, once, sent: false, told, clock: undefined };
        if (timeout !== undefined) {
            pending.clock = setTimeout(() => {
                this.take(id)?.told.reject(new CommandError('client.timeout', `No answer within ${timeout} ms.`, true));
            }, timeout);
        }
        this.waiting.set(id, pending);
        this.characters += frame.length;
        return pending;
    }
    get(id) {
        return this.waiting.get(id);
    }
    /** Takes a command out, because it was answered or given up. */
    take(id) {
        const pending = this.waiting.get(id);
        if (pending !== undefined) {
            this.waiting.delete(id);
            this.characters -= pending.frame.length;
            clearTimeout(pending.clock);
        }
        return pending;
    }
    /** The commands that were not sent over this connection yet, in the order they were given. */
    unsent() {
        return [...this.waiting.values()].filter(({ sent }) => !sent);
    }
    /** Notes that the connection broke: nothing that waits is known to have arrived. */
    lost() {
        for (const pending of [...this.waiting.values()]) {
            pending.sent = false;
            if (pending.once)
                this.take(pending.id)?.told.reject(new CommandError('client.closed', 'The connection was lost.', true));
        }
    }
    /** Gives everything up. */
    clear(error) {
        for (const id of [...this.waiting.keys()])
            this.take(id)?.told.reject(error);
    }
    get unsaved() {
        let count = 0;
        for (const { durable } of this.waiting.values())
            count += Number(durable);
        return count;
    }
    /** Since when the oldest command waits whose loss the user would notice. */
    get unsavedSince() {
        for (const { durable, since } of this.waiting.values())
            if (durable)
                return since;
        return null;
    }
}
//# sourceMappingURL=commands.js.map