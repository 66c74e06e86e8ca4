export * from './egress-http.ts';
export * from './router-port.ts';
export * from './sandbox.ts';
export * from './tool-definition.ts';
