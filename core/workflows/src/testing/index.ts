export { durableEngineConformance } from './durable-engine-conformance.ts';
export type { ChildOrder, EngineWorkbench } from './durable-engine-conformance.ts';
export { aCheck, anUndo, aPlan, aStep } from './plan-fixtures.ts';
