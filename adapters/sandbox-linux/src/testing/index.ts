export * from './command-files-suite.ts';
export * from './escape-files-suite.ts';
export * from './escape-network-suite.ts';
export * from './escape-processes-suite.ts';
export * from './escape-resources-suite.ts';
export * from './run-program-suite.ts';
export * from './lab.ts';
