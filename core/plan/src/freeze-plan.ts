import { AppError, parseInput } from '@carapulse/kernel';
import type { Decision } from '@carapulse/policy';
import type { Check, ToolCall } from './check.ts';
import { topologicalOrder } from './dag.ts';
import { sourcesOf } from './evaluate-expectation.ts';
import { Plan } from './plan.ts';
import { planHash } from './plan-hash.ts';
import type { Step } from './step.ts';

/** A plan before policy was asked: everything that it was asked about. */
export type PlanDraft = Omit<Plan, 'plan_hash' | 'policy'>;

/**
 * The plan of a draft and policy's decision: validated whole, hashed, deep-frozen.
 * @throws AppError `invalid_input` for a fault against the schema, a cycle or unknown dependency, ids used twice, a
 * write whose input is not literal, a binding to a step that does not come before, a write without a typed effect or
 * with an undo that is missing where it is called `none`, or an expiry that is not after the creation.
 */
export function freezePlan(draft: PlanDraft, policy: Decision): Plan {
  const unhashed = { ...draft, policy };
  const plan = parseInput(Plan, { ...unhashed, plan_hash: planHash(unhashed) }, 'The plan');
  validatePlan(plan);
  return deepFreeze(plan);
}

/** True when the stored hash is that of the plan's own content. */
export function planHashMatches(plan: Plan): boolean {
  return planHash(plan) === plan.plan_hash;
}

/** The rules that a schema cannot say. @throws AppError `invalid_input` as `freezePlan` does. */
export function validatePlan(plan: Plan): void {
  topologicalOrder(plan.steps);
  for (const step of plan.steps) validateStep(step, plan);
  const checkIds = new Set<string>();
  for (const check of plan.checks) {
    if (checkIds.has(check.check_id)) refuse(`Two checks are called ${check.check_id}.`);
    checkIds.add(check.check_id);
    validateCheck(check, plan.steps, 'the plan');
  }
  if (Date.parse(plan.expires_at) <= Date.parse(plan.created_at)) {
    refuse(`The plan expires at ${plan.expires_at}, which is not after its creation at ${plan.created_at}.`);
  }
}

function validateStep(step: Step, plan: Plan): void {
  const where = `step ${step.step_id}`;
  const before = ancestors(step, plan.steps);
  if (step.kind === 'write') {
    validateWrite(step, where);
  } else {
    if (step.effects.some((effect) => effect.kind !== 'read'))
      refuse(`${where} is a read with a write's effect.`);
    validateBindings(step.call, before, where);
  }
  const ids = [...step.preconditions, ...step.verify].map((check) => check.check_id);
  if (new Set(ids).size !== ids.length) refuse(`Two checks of ${where} share an id.`);
  for (const check of step.preconditions) validateCheck(check, before, where);
  for (const check of step.verify) validateCheck(check, [...before, step], where);
}

function validateWrite(step: Step, where: string): void {
  literal(step.call, where);
  if (!step.effects.some((effect) => effect.kind !== 'read')) {
    refuse(`${where} writes but declares no effect that constraints could judge.`);
  }
  const { rollback } = step;
  if (rollback.kind !== 'call') return;
  literal(rollback.call, `the undo of ${where}`);
  if (!rollback.effects.some((effect) => effect.kind !== 'read')) {
    refuse(`The undo of ${where} declares no effect that constraints could judge.`);
  }
  for (const check of rollback.verify) {
    if (sourcesOf(check).length === 0) continue;
    refuse(`Check ${check.check_id} of the undo of ${where} takes from an earlier step; it must be literal.`);
  }
}

function validateCheck(check: Check, sources: readonly Step[], where: string): void {
  validateBindings(check.call, sources, `check ${check.check_id} of ${where}`);
  for (const { relative } of check.expect) {
    if (relative === undefined) continue;
    const what = `Check ${check.check_id} of ${where} compares with ${relative.from_step}`;
    if (!sources.some((step) => step.step_id === relative.from_step)) {
      refuse(`${what}, which does not come before it.`);
    }
    if (check.must_fail_before) refuse(`${what} and must fail before all steps.`);
  }
}

function validateBindings(call: ToolCall, sources: readonly Step[], where: string): void {
  const pointers = new Set<string>();
  for (const binding of call.bindings) {
    if (!sources.some((step) => step.step_id === binding.from_step)) {
      refuse(`A binding of ${where} takes from ${binding.from_step}, which does not come before it.`);
    }
    if (pointers.has(binding.pointer)) refuse(`Two bindings of ${where} fill ${binding.pointer}.`);
    pointers.add(binding.pointer);
  }
}

function literal(call: ToolCall, where: string): void {
  if (call.bindings.length === 0) return;
  refuse(`The input of ${where} takes from an earlier step; a write's input is literal before it is hashed.`);
}

function ancestors(step: Step, steps: readonly Step[]): readonly Step[] {
  const byId = new Map(steps.map((step) => [step.step_id, step]));
  const found = new Set<Step>();
  const open = [...step.depends_on];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const dependency = byId.get(id);
    if (dependency === undefined || found.has(dependency)) continue;
    found.add(dependency);
    open.push(...dependency.depends_on);
  }
  return [...found];
}

function refuse(message: string): never {
  throw new AppError('invalid_input', `The plan is not valid: ${message}`);
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
