export { bundleMachines } from './bundle-machines.ts';
export type { PayloadKeys } from './payload-codec.ts';
export { createTemporalEngine } from './temporal-engine.ts';
export type { TemporalEngineOptions } from './temporal-engine.ts';
