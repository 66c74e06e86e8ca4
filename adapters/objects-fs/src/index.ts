export * from './checkpoint-file.ts';
