export * from './memory-store.ts';
export * from './harness.ts';
