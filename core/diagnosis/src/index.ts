export * from './analyzers/analyzer.ts';
export { ANALYZERS } from './analyzers/registry.ts';
export * from './diagnose.ts';
export * from './evidence.ts';
export * from './evidence-queries.ts';
export * from './service-profile.ts';
