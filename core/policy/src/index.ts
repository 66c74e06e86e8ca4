export * from './constraint.ts';
export * from './effect.ts';
export * from './glob-pattern.ts';
export * from './is-stricter.ts';
export * from './policy.ts';
export * from './violated-constraints.ts';
