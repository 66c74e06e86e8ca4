import { canonicalJson } from '@carapulse/kernel';
import type { Plan } from './plan.ts';
import { PLAN_FIELDS } from './plan-hash.ts';

/** One place where two plans differ. `undefined` on a side means that the place is not there. */
export interface PlanDifference {
  /** RFC 6901 pointer; steps and checks are named by their id instead of their index. */
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
}

const IDENTITY: ReadonlyArray<keyof Plan> = ['plan_id', 'plan_hash', 'created_at', 'created_by'];

/**
 * Where two plans differ, in document order, leaf by leaf. What merely names the plan (id, hash, who and when) is left
 * out: it always differs.
 */
export function diffPlans(before: Plan, after: Plan): readonly PlanDifference[] {
  const differences: PlanDifference[] = [];
  for (const field of Object.keys(PLAN_FIELDS) as ReadonlyArray<keyof Plan>) {
    if (IDENTITY.includes(field)) continue;
    compare(before[field], after[field], `/${field}`, differences);
  }
  return differences;
}

function compare(before: unknown, after: unknown, pointer: string, found: PlanDifference[]): void {
  const left = members(before);
  const right = members(after);
  if (left === null || right === null) {
    if (text(before) !== text(after)) found.push({ pointer, before, after });
    return;
  }
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const name = key.replaceAll('~', '~0').replaceAll('/', '~1');
    compare(left.get(key), right.get(key), `${pointer}/${name}`, found);
  }
}

function members(value: unknown): ReadonlyMap<string, unknown> | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  return new Map(value.map((item: unknown, index) => [identity(item) ?? String(index), item]));
}

function identity(item: unknown): string | null {
  if (typeof item !== 'object' || item === null) return null;
  if ('step_id' in item && typeof item.step_id === 'string') return item.step_id;
  if ('check_id' in item && typeof item.check_id === 'string') return item.check_id;
  return null;
}

function text(value: unknown): string {
  return value === undefined ? '' : canonicalJson(value);
}
