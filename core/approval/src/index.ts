export * from './count-approvals.ts';
export * from './receipt.ts';
export * from './refusal.ts';
export * from './signing.ts';
export * from './statement.ts';
export * from './verify-envelope.ts';
