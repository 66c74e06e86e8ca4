// Checked by the compiler alone: a field that nobody classified, or a class that does not exist, is an error. If one
// of these began to compile, the directive above it would be unused, which is an error as well.
import type { PLAN_FIELDS, STEP_FIELDS } from './plan-hash.ts';
import type { Classified } from './plan-hash.ts';
import type { Plan } from './plan.ts';
import type { Step } from './step.ts';

type Rest = Readonly<Record<string, never>>;

export const complete: Classified<Plan> = {} as typeof PLAN_FIELDS;
export const completeStep: Classified<Step> = {} as typeof STEP_FIELDS;

// @ts-expect-error a plan with one more field is not classified by the table of the present ones
export const grownPlan: Classified<Plan & { readonly canary_percent: number }> = {} as typeof PLAN_FIELDS;

// @ts-expect-error a step with one more field is not either
export const grownStep: Classified<Step & { readonly run_as: string }> = {} as typeof STEP_FIELDS;

// @ts-expect-error leaving one out does not compile
export const incomplete: Classified<Plan> = {} as Omit<typeof PLAN_FIELDS, 'expires_at'> & Rest;

// @ts-expect-error `ignored` is not a class
export const unknownClass: Classified<{ readonly a: string }> = { a: 'ignored' };
