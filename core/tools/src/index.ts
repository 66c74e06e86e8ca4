export * from './egress-http.ts';
export * from './sandbox.ts';
