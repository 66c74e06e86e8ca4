export * from './check.ts';
export * from './dag.ts';
export * from './plan.ts';
export * from './plan-hash.ts';
export * from './status.ts';
export * from './step.ts';
export * from './evaluate-expectation.ts';
export * from './apply-bindings.ts';
