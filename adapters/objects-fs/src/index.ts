export * from './checkpoint-file.ts';
export * from './object-directory.ts';
