/** A room as this client sees it: every number once and in order, and after a gap what was missed. */
import { ObservableV2 } from 'lib0/observable';
export class Room extends ObservableV2 {
    name;
    ask;
    forget;
    /** How many use it; managed by the client. */
    wanted = 0;
    /** What the last join found; null while the room is not entered. */
    joined = null;
    /** Why the room cannot be entered, if the server said so. */
    error = null;
    epoch = '';
    seq = 0;
    attempt = 0;
    constructor(name, ask, forget) {
        super();
        this.name = name;
        this.ask = ask;
        this.forget = forget;
    }
    /** Leaves the room, when nobody else on this client uses it. */
    leave() {
        if (--this.wanted === 0) {
            this.attempt++;
            this.joined = null;
            this.forget();
        }
    }
    can(permission) {
        return this.joined?.permissions.includes(permission) ?? false;
    }
    /** Enters, from where it was. */
    join() {
        const attempt = ++this.attempt;
        const since = this.epoch === '' ? {} : { since: { epoch: this.epoch, seq: this.seq } };
        this.joined = null;
        this.ask({ room: this.name, ...since }, {
            resolve: ({ data }) => { if (attempt === this.attempt)
                this.enter(data); },
            reject: error => {
                if (attempt !== this.attempt)
                    return;
                this.error = error;
                this.emit('left', [error]);
            }
        });
    }
    /** Enters anew, as if for the first time: whoever listens gets the state once more. */
    refresh() {
        this.epoch = '';
        this.join();
    }
    /** Notes that the connection is lost. */
    lost() {
        this.attempt++;
        if (this.joined !== null) {
            this.joined = null;
            this.emit('left', [null]);
        }
    }
    /** Notes the number of a command of this connection: its ack stands for its event. */
    advance(epoch, seq) {
        if (this.joined !== null && epoch === this.epoch && this.follows(seq))
            this.seq = seq;
    }
    take(event) {
        if (!('seq' in event) || event.seq === undefined) {
            this.emit('ephemeral', [event]);
        }
        else if (event.epoch === this.epoch && this.follows(event.seq)) {
            this.seq = event.seq;
            this.emit('event', [event]);
        }
    }
    enter(joined) {
        // What was missed follows this answer; without it the state has everything up to its number.
        if (joined.recovered !== 'full')
            this.seq = joined.seq;
        this.epoch = joined.epoch;
        this.joined = joined;
        this.error = null;
        this.emit('joined', [joined]);
    }
    /** Whether a number is the next one. One that is not shows a gap: then the room is entered again from before it. */
    follows(seq) {
        if (this.joined === null)
            return false; // it is about to be entered, from before this one
        if (seq > this.seq + 1)
            this.join();
        return seq === this.seq + 1;
    }
}
//# sourceMappingURL=room.js.map