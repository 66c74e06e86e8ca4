export { credentialDigest } from './credential.ts';
export * from './remote-sandbox.ts';
export * from './remote-tool-router.ts';
export * from './rpc-connection.ts';
export * from './rpc-server.ts';
export * from './serve-sandbox.ts';
export * from './serve-tool-router.ts';
