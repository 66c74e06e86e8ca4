export { startTemporal, type ServerOptions, type Temporal } from './start-temporal.ts';
