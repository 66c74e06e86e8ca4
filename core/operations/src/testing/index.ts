export * from './memory-store.ts';
export * from './harness.ts';
export * from './refusal.ts';
export * from './steered-run.ts';
export * from './schedule-trial.ts';
