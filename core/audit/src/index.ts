export * from './audit-record.ts';
export * from './chain.ts';
export * from './checkpoint.ts';
export * from './checkpointer.ts';
export * from './compare-trail.ts';
export type { CheckpointKey } from './read-checkpoints.ts';
export * from './verify-chain.ts';
export * from './verify-report.ts';
