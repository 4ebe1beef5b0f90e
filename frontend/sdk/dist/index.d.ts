export { BACKOFF, pause, verdict, type Backoff, type Verdict } from './backoff.js';
export { Client, type ClientEvents, type ClientOptions, type State, type Status } from './client.js';
export type { Answer, SendOptions } from './commands.js';
export { COLORS, clientOf, colorOf, type Cursor } from './cursors.js';
export { CommandError, type LocalCode } from './errors.js';
export { DocumentProvider, type ProviderEvents } from './provider.js';
export { Rest } from './rest.js';
export { Room, type Ephemeral, type Joined, type RoomEvent, type RoomEvents } from './room.js';
export * from './wire.js';
