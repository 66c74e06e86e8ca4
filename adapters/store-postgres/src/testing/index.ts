export * from './open-test-store.ts';
export * from './postgres-server.ts';
