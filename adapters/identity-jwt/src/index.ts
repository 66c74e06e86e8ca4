export * from './local-issuer.ts';
export * from './token-claims.ts';
export * from './token-verifier.ts';
