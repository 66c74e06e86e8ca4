export { createDbosEngine } from './dbos-engine.ts';
export type { DbosEngineOptions } from './dbos-engine-options.ts';
