export * from './durable-engine.ts';
