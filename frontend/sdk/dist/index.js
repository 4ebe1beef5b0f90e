export { BACKOFF, pause, verdict } from './backoff.js';
export { Client } from './client.js';
export { COLORS, clientOf, colorOf } from './cursors.js';
export { CommandError } from './errors.js';
export { DocumentProvider } from './provider.js';
export { Rest } from './rest.js';
export { Room } from './room.js';
export * from './wire.js';
//# sourceMappingURL=index.js.map