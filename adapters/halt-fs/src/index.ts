export * from './halt-directory.ts';
