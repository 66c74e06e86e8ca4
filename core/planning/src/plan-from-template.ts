import type { ServiceProfile } from '@carapulse/diagnosis';
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
import { failedConditions } from './match-playbooks.ts';
import type { PlanTemplate } from './plan-template.ts';
import type { ReadTool, ToolCatalogue } from './ports.ts';
import { resolveInput, type Scope } from './references.ts';
import { resolveChecks, resolveStep } from './resolve-step.ts';

/** Who asks for a plan, for what reason, where and when. */
export interface PlanRequester {
  readonly planId: string;
  /** Actor id of who asks. */
  readonly createdBy: string;
  /** Who wrote what a machine asks with; absent where a person asks. */
  readonly authors?: readonly string[];
  readonly trigger: { readonly kind: Trigger; readonly ref: string | null };
  readonly context: ContextRef;
  /** RFC 3339. */
  readonly now: string;
}

/** The tools that planning knows and reads with. */
export interface PlanningTools {
  readonly catalogue: ToolCatalogue;
  readonly readTool: ReadTool;
}

export interface TemplateRequest extends PlanRequester, PlanningTools {
  readonly template: PlanTemplate;
  readonly origin: PlanDraft['origin'];
  /** Who wrote the template, for messages, e.g. `Playbook x (x.yaml)`. */
  readonly writer: string;
  readonly incidentId: string | null;
  readonly service: string | null;
  readonly profile: ServiceProfile | null;
}

/** `not_planned` is an answer: what was read says that this template does not apply after all. */
export type PlanningOutcome =
  | { readonly kind: 'planned'; readonly draft: PlanDraft }
  | { readonly kind: 'not_planned'; readonly because: readonly string[] };

/**
 * The one planner of templates: reads what it needs to know, resolves every input to literals, takes effects and
 * digests from the tools, and judges risk. Policy's decision is added by `freezePlan`.
 * @throws AppError `invalid_input` when the template asks for what a tool does not take, naming its writer and the
 * place; `not_supported` for an action that is not configured; what `readTool` throws.
 */
export async function planFromTemplate(
  request: TemplateRequest,
  signal: AbortSignal,
): Promise<PlanningOutcome> {
  const { template } = request;
  const reads: Record<string, JsonValue> = {};
  const scope: Scope = {
    parameters: template.parameters,
    reads,
    createdAt: toTimestamp(Date.parse(request.now)),
  };
  try {
    for (const { id, call } of template.reads) {
      reads[id] = await readOnce(call, scope, request, signal);
    }
    const failed = failedConditions(template.conditions, scope);
    if (failed.length > 0) return { kind: 'not_planned', because: failed };
    return { kind: 'planned', draft: await draftOf(request, scope, signal) };
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'precondition_failed')
      return { kind: 'not_planned', because: [error.message.replace(/\.$/, '')] };
    throw saidBy(request.writer, error);
  }
}

/** The same failure with the name of whose mistake it is. */
export function saidBy(writer: string, error: AppError): AppError {
  return new AppError(error.code, `${writer}: ${error.message}`, {
    cause: error,
    retryable: error.retryable,
    errors: error.errors,
    details: error.details,
  });
}

async function readOnce(
  call: { readonly tool: string; readonly action: string; readonly input: JsonObject },
  scope: Scope,
  { catalogue, readTool }: PlanningTools,
  signal: AbortSignal,
): Promise<JsonValue> {
  if (signal.aborted) throw new AppError('cancelled', 'planning was stopped.');
  const { tool, action } = call;
  const described = await catalogue.describe(
    { tool, action, input: resolveInput(call.input, scope) },
    signal,
  );
  if (described === null) {
    throw new AppError('not_supported', `${tool}.${action} is not configured here; add connectors.${tool}.`);
  }
  if (described.kind !== 'read') {
    throw new AppError('invalid_input', `${tool}.${action} writes; only reads are made while planning.`);
  }
  return readTool({ tool, action, input: described.input }, signal);
}

async function draftOf(request: TemplateRequest, scope: Scope, signal: AbortSignal): Promise<PlanDraft> {
  const { template, catalogue } = request;
  const resolving = { scope, catalogue, signal };
  const steps: Step[] = [];
  for (const step of template.steps) steps.push(await resolveStep(step, resolving));
  const blastRadius = blastRadiusOf(steps, request);
  const nowMs = Date.parse(request.now);
  return {
    format: 1,
    plan_id: request.planId,
    summary: fillDisplay(template.summary, scope.parameters, 500),
    trigger: request.trigger,
    context: request.context,
    created_by: request.createdBy,
    ...(request.authors && { authors: [...request.authors] }),
    created_at: toTimestamp(nowMs),
    incident_id: request.incidentId,
    origin: request.origin,
    risk: assessRisk({ steps, blastRadius, environment: request.context.environment }),
    blast_radius: blastRadius,
    steps,
    checks: await resolveChecks(template.checks, resolving),
    expires_at: toTimestamp(nowMs + template.expires_in),
    max_run_ms: template.max_run,
  };
}

function blastRadiusOf(steps: readonly Step[], { service, profile }: TemplateRequest): BlastRadius {
  const targets = steps
    .filter((step) => step.kind === 'write')
    .flatMap((step) =>
      step.effects.filter((effect) => effect.kind !== 'read').map((effect) => effect.target),
    );
  const resources = [...new Set([...targets, ...(service === null ? [] : [`service:${service}`])])];
  if (profile?.dependents === undefined || profile.dependents === null) {
    const reason = service === null ? 'no service is named' : `no dependents are known of ${service}`;
    return { kind: 'unknown', reason, resources };
  }
  return { kind: 'known', resources, dependents: [...profile.dependents] };
}
