/** REST calls of the same user. */
import { CommandError } from './errors.js';
export class Rest {
    url;
    token;
    constructor(url, token) {
        this.url = url;
        this.token = token;
    }
    get(path) { return this.call('GET', path); }
    post(path, body) { return this.call('POST', path, body); }
    patch(path, body) { return this.call('PATCH', path, body); }
    delete(path) { return this.call('DELETE', path); }
    /** Reads a file. */
    async blob(path) { return (await this.fetch('GET', path)).blob(); }
    /** Calls `/api/v1/…`; rejects with CommandError. */
    async call(method, path, body) {
        const text = await (await this.fetch(method, path, body)).text();
        return (text === '' ? undefined : JSON.parse(text));
    }
    async fetch(method, path, body) {
        const headers = { Authorization: `Bearer ${await this.token()}` };
        if (body !== undefined)
            headers['Content-Type'] = 'application/json';
        const answer = await fetch(`${this.url}/api/v1/${path}`, {
            method,
            headers,
            ...(body === undefined ? {} : { body: JSON.stringify(body) })
        });
        if (answer.ok)
            return answer;
        // A proxy's page is no JSON.
        const said = await answer.json().catch(() => ({}));
        const again = answer.status === 429 || answer.status >= 500;
        throw new CommandError((said.code ?? 'internal'), said.message ?? `HTTP ${answer.status}`, again, null, said.details);
    }
}
//# sourceMappingURL=rest.js.map