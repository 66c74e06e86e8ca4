export * from './object-store.ts';
export * from './records.ts';
export * from './store.ts';
export * from './schedule-store.ts';
