export { durableEngineConformance } from './durable-engine-conformance.ts';
export type { ChildOrder, EngineWorkbench, ProbeSetting } from './durable-engine-conformance.ts';
export { longRunConformance } from './long-run-conformance.ts';
