export { durableEngineConformance } from './durable-engine-conformance.ts';
export type { ChildOrder, EngineWorkbench } from './durable-engine-conformance.ts';
