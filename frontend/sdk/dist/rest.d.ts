/** REST calls of the same user. */
export declare class Rest {
    private readonly url;
    private readonly token;
    constructor(url: string, token: () => string | Promise<string>);
    get<T>(path: string): Promise<T>;
    post<T>(path: string, body?: unknown): Promise<T>;
    patch<T>(path: string, body: unknown): Promise<T>;
    delete(path: string): Promise<void>;
    /** Reads a file. */
    blob(path: string): Promise<Blob>;
    /** Calls `/api/v1/…`; rejects with CommandError. */
    call<T>(method: string, path: string, body?: unknown): Promise<T>;
    private fetch;
}
