export * from './activity-outcome.ts';
export * from './durable-engine.ts';
