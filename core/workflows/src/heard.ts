/**
 * What a plan's run is given and hears, and how it is read. Without schemas: a run in Temporal's sandbox would make them
 * anew, which was 30 % of its processor time. An answer must be of its form exactly; of a signal what isn't known is
 * passed by.
 */
import { AppError, type JsonObject, type JsonValue } from '@carapulse/kernel';
import type { CheckVerdict, Plan } from '@carapulse/plan';

export const CHECK_VERDICTS = ['passed', 'failed', 'inconclusive'] as const satisfies readonly CheckVerdict[];
const MOST_SAMPLES = 100;

/** Input of a plan's run. */
export interface PlanRunInput {
  readonly execution_id: string;
  readonly plan: Plan;
  /** Absent in runs from before they could be steered: those tell people only of changes of their status. */
  readonly telling?: true;
}

/** `verdict` of at most 20 characters, `detail` of at most 500. */
export type Sample = { readonly at_ms: number; readonly verdict: string; readonly detail: string };

export interface CheckOutput {
  readonly verdict: CheckVerdict;
  /** At most 2000 characters. */
  readonly reason: string;
  /** At most 100. */
  readonly samples: readonly Sample[];
}

export interface StepOutput {
  /** Bounded by the handler: it is journalled and feeds the bindings of later reads and checks. */
  readonly output: JsonObject;
  readonly evidence_id: string | null;
  /** When the effect was complete; null for what has none. */
  readonly effect_at_ms: number | null;
}

/** Who says so and why: the payload of every signal by which a person steers. */
export interface Said {
  readonly by: string;
  readonly reason: string;
}

/** Exactly one of the two is there. */
export interface SaidOfSkip extends Said {
  readonly step_id?: string;
  readonly check_id?: string;
}

/** A run that was taken over and that a person ends. */
export interface SaidOfEnd extends Said {
  readonly as: 'succeeded' | 'rolled_back' | 'failed';
}

export interface ResolveUnknown {
  readonly step_id: string;
  readonly outcome: 'done' | 'not_done';
}

/** What `DurableEngine.start` takes for the machine `plan`. */
export function planRunInput(executionId: string, plan: Plan): JsonObject {
  // A parsed plan is JSON; its type merely allows members that are left out.
  return { execution_id: executionId, plan: plan as unknown as JsonObject, telling: true };
}

/** The plan in it was parsed by whoever started the run. @throws AppError `invalid_input` for what isn't one's input. */
export function readRunInput(input: JsonObject): PlanRunInput {
  const { execution_id: executionId, plan, telling, ...others } = input;
  const told = telling === undefined || telling === true;
  const planned =
    isObject(plan) && isArray(plan['steps']) && plan['steps'].every(isObject) && isArray(plan['checks']);
  if (!isName(executionId) || !planned || !told || !isEmpty(others))
    throw new AppError('invalid_input', 'The input of a plan run is not of its form.');
  const read = { execution_id: executionId, plan: plan as unknown as Plan };
  return telling === undefined ? read : { ...read, telling };
}

/** Null when it is not of that form. */
export function readCheckOutput(output: JsonObject): CheckOutput | null {
  if (!isObject(output)) return null;
  const { verdict, reason, samples, ...others } = output;
  if (!isVerdict(verdict) || !isText(reason, 2000) || !isEmpty(others)) return null;
  if (!isArray(samples) || samples.length > MOST_SAMPLES || !samples.every(isSample)) return null;
  return { verdict, reason, samples };
}

/** Null when it is not of that form. */
export function readStepOutput(answer: JsonObject): StepOutput | null {
  if (!isObject(answer)) return null;
  const { output, evidence_id: evidence, effect_at_ms: effectAtMs, ...others } = answer;
  if (!isObject(output) || !isEmpty(others)) return null;
  if (evidence !== null && typeof evidence !== 'string') return null;
  if (effectAtMs !== null && !isInstant(effectAtMs)) return null;
  return { output, evidence_id: evidence, effect_at_ms: effectAtMs };
}

/** Null when it does not say who and why. */
export function readSaid({ by, reason }: JsonObject): Said | null {
  return isName(by) && isText(reason, 1000) ? { by, reason } : null;
}

/** Null when it names no step. */
export function readSaidOfStep(payload: JsonObject): (Said & { readonly step_id: string }) | null {
  const said = readSaid(payload);
  const { step_id: stepId } = payload;
  return said !== null && isName(stepId) ? { ...said, step_id: stepId } : null;
}

/** Null when either is there and not a name. */
export function readSaidOfSkip(payload: JsonObject): SaidOfSkip | null {
  const said = readSaid(payload);
  const { step_id: stepId, check_id: checkId } = payload;
  if (said === null) return null;
  if ((stepId !== undefined && !isName(stepId)) || (checkId !== undefined && !isName(checkId))) return null;
  return {
    ...said,
    ...(stepId === undefined ? {} : { step_id: stepId }),
    ...(checkId === undefined ? {} : { check_id: checkId }),
  };
}

/** Null when it names no end. */
export function readSaidOfEnd(payload: JsonObject): SaidOfEnd | null {
  const said = readSaid(payload);
  const { as } = payload;
  return said !== null && (as === 'succeeded' || as === 'rolled_back' || as === 'failed')
    ? { ...said, as }
    : null;
}

/** Null when it is no word on a step. */
export function readResolveUnknown({ step_id: stepId, outcome }: JsonObject): ResolveUnknown | null {
  if (!isName(stepId)) return null;
  return outcome === 'done' || outcome === 'not_done' ? { step_id: stepId, outcome } : null;
}

/** Whether a pause is lifted too: by a person alone, never by what resumes runs when a halt has ended. */
export function readUnpause({ unpause }: JsonObject): boolean {
  return unpause === true;
}

function isVerdict(value: JsonValue | undefined): value is CheckVerdict {
  return CHECK_VERDICTS.some((verdict) => verdict === value);
}

function isSample(value: JsonValue): value is JsonObject & Sample {
  if (!isObject(value)) return false;
  const { at_ms: atMs, verdict, detail, ...others } = value;
  return isInstant(atMs) && isText(verdict, 20) && isText(detail, 500) && isEmpty(others);
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isArray(value: JsonValue | undefined): value is JsonValue[] {
  return Array.isArray(value);
}

function isEmpty(others: JsonObject): boolean {
  return Object.keys(others).length === 0;
}

/** At most so many characters: code points, as zod counts them. */
function isText(value: JsonValue | undefined, most: number): value is string {
  if (typeof value !== 'string' || value.length > 2 * most) return false;
  return value.length <= most || Array.from(value).length <= most;
}

function isName(value: JsonValue | undefined): value is string {
  return isText(value, 200) && value.length > 0;
}

function isInstant(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
