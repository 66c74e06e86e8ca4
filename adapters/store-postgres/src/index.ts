export * from './database.ts';
export { holdDatabase, type DatabaseHold } from './hold-database.ts';
export * from './migrate.ts';
export { lockDirectory, shareDirectory, type DirectoryLock } from './pglite/directory-lock.ts';
export { generateCluster } from './pglite/generate-cluster.ts';
export type { PgliteOptions } from './pglite/open-pglite.ts';
export { type SyncEvent, type SyncObserver, SyncedNodeFs } from './pglite/synced-node-fs.ts';
export type { PostgresOptions } from './postgres-pool.ts';
export { createStore } from './store/create-store.ts';
