/** A command that was refused, by the server or, with a code that begins with `client.`, here. */
export class CommandError extends Error {
    code;
    retryable;
    retryAfter;
    details;
    name = 'CommandError';
    constructor(code, message, retryable = false, retryAfter = null, details = {}) {
        super(message);
        this.code = code;
        this.retryable = retryable;
        this.retryAfter = retryAfter;
        this.details = details;
    }
    static of(frame) {
        const { code, message, retryable, retry_after_ms: wait, details } = frame;
        return new CommandError(code, message, retryable, wait, details);
    }
}
//# sourceMappingURL=errors.js.map