export { bundleMachines } from './bundle-machines.ts';
export type { PayloadKeys } from './payload-codec.ts';
export { replayTemporalHistory } from './replay-temporal-history.ts';
export type { TemporalReplay } from './replay-temporal-history.ts';
export { createTemporalEngine } from './temporal-engine.ts';
export type { TemporalEngineOptions } from './temporal-engine-options.ts';
