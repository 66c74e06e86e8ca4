export * from './constraint.ts';
export * from './effect.ts';
export * from './policy.ts';
