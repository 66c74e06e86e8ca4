export * from './activities.ts';
export * from './activity-outcome.ts';
export * from './durable-engine.ts';
export * from './engine-by-run.ts';
export { PlanRunInput, planMachine, planRunInput } from './interpreter.ts';
export * from './perform-activity.ts';
export * from './plan-handlers.ts';
