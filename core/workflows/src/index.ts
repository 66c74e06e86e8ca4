export * from './activities.ts';
export * from './activity-outcome.ts';
export * from './durable-engine.ts';
export { backoffMs, mayRetry } from './interpreter-forward.ts';
export { PlanRunInput, planMachine, planRunInput } from './interpreter.ts';
export * from './plan-handlers.ts';
export { Steering } from './steering.ts';
export type { Skipped } from './steering.ts';
