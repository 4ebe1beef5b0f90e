// Written by `npm run wire` from docs/asyncapi.json: do not edit.
export const CLOSE_CODES = {
    normal: 1000,
    bad_protocol: 4400,
    unauthenticated: 4401,
    forbidden: 4403,
    gone: 4404,
    unsupported_version: 4406,
    session_ended: 4410,
    too_many_connections: 4412,
    too_large: 4413,
    too_many_invalid: 4422,
    account_disabled: 4423,
    internal: 4500,
    draining: 4503,
    database_unavailable: 4504,
    over_capacity: 4507,
    hello_timeout: 4508,
    heartbeat_timeout: 4509,
    position_lost: 4510,
    slow_consumer: 4511,
    rate_limited: 4529
};
//# sourceMappingURL=wire.js.map