import type { ServiceProfile } from '@carapulse/diagnosis';
import type { Alert, Incident } from '@carapulse/incident';
import {
  AppError,
  toAppError,
  toTimestamp,
  type ContextRef,
  type JsonObject,
  type JsonValue,
} from '@carapulse/kernel';
import { assessRisk, type BlastRadius, type PlanDraft, type Step, type Trigger } from '@carapulse/plan';
import { fillDisplay } from './display-fields.ts';
import { failedConditions, type MatchedPlaybook } from './match-playbooks.ts';
import type { ReadTool, ToolCatalogue } from './ports.ts';
import { resolveInput, type Scope } from './references.ts';
import { resolveCheck, resolveStep } from './resolve-step.ts';

/** The incident that a plan is for, who asks, and where and when. */
export interface PlanningSubject {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly profile: ServiceProfile | null;
  readonly planId: string;
  /** Actor id of who asks. */
  readonly createdBy: string;
  readonly trigger: { readonly kind: Trigger; readonly ref: string | null };
  readonly context: ContextRef;
  /** RFC 3339. */
  readonly now: string;
}

export interface PlanningInput extends PlanningSubject {
  readonly match: MatchedPlaybook;
  readonly catalogue: ToolCatalogue;
  readonly readTool: ReadTool;
}

/** `not_planned` is an answer: what was read says that this playbook does not apply after all. */
export type PlanningOutcome =
  | { readonly kind: 'planned'; readonly draft: PlanDraft }
  | { readonly kind: 'not_planned'; readonly because: readonly string[] };

/**
 * Makes the plan of a matched playbook: reads what it needs to know, resolves every input to literals, takes effects
 * and digests from the tools, and judges risk. Policy's decision is added by `freezePlan`.
 * @throws AppError `invalid_input` when the playbook asks for what a tool does not take, naming playbook and place;
 * `not_supported` for an action that is not configured; what `readTool` throws.
 */
export async function planFromPlaybook(input: PlanningInput, signal: AbortSignal): Promise<PlanningOutcome> {
  const { playbook } = input.match.playbook;
  const reads: Record<string, JsonValue> = {};
  const scope: Scope = {
    parameters: input.match.parameters,
    reads,
    createdAt: toTimestamp(Date.parse(input.now)),
  };
  try {
    for (const { id, call } of playbook.reads) {
      reads[id] = await readOnce(call, scope, input, signal);
    }
    const failed = failedConditions(playbook.conditions, scope);
    if (failed.length > 0) return { kind: 'not_planned', because: failed };
    return { kind: 'planned', draft: draftOf(input, scope) };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'precondition_failed') return { kind: 'not_planned', because: [error.message] };
    throw inPlaybook(input, error);
  }
}

function inPlaybook({ match }: PlanningInput, error: AppError): AppError {
  return new AppError(
    error.code,
    `Playbook ${match.playbook.playbook.name} (${match.playbook.file}): ${error.message}`,
    {
      cause: error,
      retryable: error.retryable,
      errors: error.errors,
      details: error.details,
    },
  );
}

async function readOnce(
  call: { readonly tool: string; readonly action: string; readonly input: JsonObject },
  scope: Scope,
  { catalogue, readTool }: PlanningInput,
  signal: AbortSignal,
): Promise<JsonValue> {
  if (signal.aborted) throw new AppError('cancelled', 'planning was stopped.');
  const action = catalogue.action(call.tool, call.action);
  if (action === null)
    throw new AppError('not_supported', `${call.tool}.${call.action} is not configured here.`);
  if (action.kind !== 'read') {
    throw new AppError(
      'invalid_input',
      `${call.tool}.${call.action} writes; only reads are made while planning.`,
    );
  }
  const literal = action.parse(resolveInput(call.input, scope));
  return readTool({ tool: call.tool, action: call.action, input: literal }, signal);
}

function draftOf(input: PlanningInput, scope: Scope): PlanDraft {
  const { playbook, digest } = input.match.playbook;
  const steps = playbook.steps.map((step) => resolveStep(step, scope, input.catalogue));
  const blastRadius = blastRadiusOf(steps, input);
  const nowMs = Date.parse(input.now);
  return {
    format: 1,
    plan_id: input.planId,
    summary: fillDisplay(playbook.summary, scope.parameters, 500),
    trigger: input.trigger,
    context: input.context,
    created_by: input.createdBy,
    created_at: toTimestamp(nowMs),
    incident_id: input.incident.incident_id,
    origin: { planner: 'playbook', name: playbook.name, digest, because: [...input.match.because] },
    risk: assessRisk({ steps, blastRadius, environment: input.context.environment }),
    blast_radius: blastRadius,
    steps,
    checks: playbook.checks.map((check) => resolveCheck(check, scope, input.catalogue)),
    expires_at: toTimestamp(nowMs + playbook.expires_in),
    max_run_ms: playbook.max_run,
  };
}

function blastRadiusOf(steps: readonly Step[], { incident, profile }: PlanningInput): BlastRadius {
  const targets = steps
    .filter((step) => step.kind === 'write')
    .flatMap((step) =>
      step.effects.filter((effect) => effect.kind !== 'read').map((effect) => effect.target),
    );
  const service = incident.service === null ? [] : [`service:${incident.service}`];
  const resources = [...new Set([...targets, ...service])];
  if (profile?.dependents === undefined || profile.dependents === null) {
    const name = incident.service ?? 'the alert names no service';
    return { kind: 'unknown', reason: `no dependents are known of ${name}`, resources };
  }
  return { kind: 'known', resources, dependents: [...profile.dependents] };
}
