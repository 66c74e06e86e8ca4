export * from './client.ts';
export type { Api } from './generated/api.ts';
export * from './server-sent-events.ts';
