export * from './http-metrics.ts';
export * from './openapi.ts';
export * from './server.ts';
