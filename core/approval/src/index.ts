export * from './signing.ts';
export * from './statement.ts';
