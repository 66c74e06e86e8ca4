import { AppError, holdsMark, toAppError } from '@carapulse/kernel';
import { Check } from '@carapulse/plan';
import type { Preview, RetryRule, Rollback, Step, ToolCall } from '@carapulse/plan';
import type { DescribedCall, NamedCall } from '@carapulse/tools';
import { fillDisplay } from './display-fields.ts';
import type { PlaybookCall, PlaybookCheck, PlaybookStep } from './playbook.ts';
import type { ToolCatalogue } from './ports.ts';
import { lookUp, resolveInput, resolveValue, type Scope } from './references.ts';

const MAX_PREVIEW = 200_000;

/** What templates are resolved with. */
export interface Resolving {
  readonly scope: Scope;
  readonly catalogue: ToolCatalogue;
  readonly signal: AbortSignal;
}

/** A step with literal inputs, the tool's effects and its definition's digest. @throws AppError as `planFromPlaybook`. */
export async function resolveStep(step: PlaybookStep, resolving: Resolving): Promise<Step> {
  const { scope } = resolving;
  const { call, described } = await resolveCall(step.call, resolving, `step ${step.id}`);
  return {
    step_id: step.id,
    title: fillDisplay(step.title, scope.parameters, 200),
    kind: described.kind,
    call,
    repeat: described.repeat,
    effects: [...described.effects],
    depends_on: step.depends_on,
    preconditions: await resolveChecks(step.preconditions, resolving),
    verify: await resolveChecks(step.verify, resolving),
    rollback: await resolveRollback(step, described.kind, resolving),
    timeout_ms: step.timeout,
    retry: retryRule(step.retry),
    preview: resolvePreview(step, described.kind, scope),
    commands: described.commands.map((command) => command.slice(0, 4000)),
  };
}

/** Checks with literal inputs, in order. Only reads can be checks. */
export async function resolveChecks(
  checks: readonly PlaybookCheck[],
  resolving: Resolving,
): Promise<Check[]> {
  const resolved: Check[] = [];
  for (const check of checks) resolved.push(await resolveCheck(check, resolving));
  return resolved;
}

async function resolveCheck(check: PlaybookCheck, resolving: Resolving): Promise<Check> {
  const { scope } = resolving;
  const { call, described } = await resolveCall(check.call, resolving, `check ${check.id}`);
  if (described.kind !== 'read') {
    throw new AppError('invalid_input', `check ${check.id} calls ${call.tool}.${call.action}, which writes.`);
  }
  return {
    check_id: check.id,
    title: fillDisplay(check.title, scope.parameters, 200),
    call,
    expect: check.expect.map(({ pointer, op, value, relative }) => ({
      pointer,
      op,
      value: value === undefined ? null : resolveValue(value, scope),
      ...(relative !== undefined && { relative }),
    })),
    samples: {
      required: check.samples.required,
      interval_ms: check.samples.interval,
      within_ms: withinMs(check, scope),
    },
    must_fail_before: check.must_fail_before,
  };
}

/** @throws AppError `invalid_input` when what it refers to is no number of milliseconds that a check can wait. */
function withinMs({ id, samples: { within } }: PlaybookCheck, scope: Scope): number {
  if (typeof within === 'number') return within;
  const found = lookUp(within.$ref, scope);
  const parsed = Check.shape.samples.shape.within_ms.safeParse(found);
  if (parsed.success) return parsed.data;
  throw new AppError(
    'invalid_input',
    `check ${id}: ${within.$ref} is no time that it can wait, in milliseconds.`,
  );
}

async function resolveCall(
  call: PlaybookCall,
  { scope, catalogue, signal }: Resolving,
  where: string,
): Promise<{ readonly call: ToolCall; readonly described: DescribedCall }> {
  const { tool, action } = call;
  const name = `${tool}.${action}`;
  const resolved = resolveInput(call.input, scope);
  const described = await lookUpCall(catalogue, { tool, action, input: resolved }, signal, where);
  if (described.kind === 'write' && holdsMark(resolved)) throw hiddenSecret(where, name);
  const { input, definitionDigest } = described;
  return { described, call: { tool, action, input, bindings: [], definition_digest: definitionDigest } };
}

async function lookUpCall(
  catalogue: ToolCatalogue,
  call: NamedCall,
  signal: AbortSignal,
  where: string,
): Promise<DescribedCall> {
  const name = `${call.tool}.${call.action}`;
  let described: DescribedCall | null;
  try {
    described = await catalogue.describe(call, signal);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'invalid_input' && holdsMark(call.input)) throw hiddenSecret(where, name);
    const what = error.code === 'invalid_input' ? 'does not take this input' : 'could not be looked up';
    throw new AppError(error.code, `${where}: ${name} ${what}: ${error.message}`, {
      cause: thrown,
      retryable: error.retryable,
      errors: error.errors,
    });
  }
  if (described !== null) return described;
  throw new AppError('not_supported', `${where}: ${name} is not configured; add connectors.${call.tool}.`);
}

function hiddenSecret(where: string, name: string): AppError {
  return new AppError(
    'precondition_failed',
    `${where}: ${name} would be given [redacted:…] in place of a secret, which is hidden in plans; let it be named where ` +
      `it is kept (a Secret of the cluster, say) instead of being written out`,
  );
}

async function resolveRollback(
  step: PlaybookStep,
  kind: DescribedCall['kind'],
  resolving: Resolving,
): Promise<Rollback> {
  const { rollback } = step;
  if (rollback === undefined) {
    if (kind === 'read') return { kind: 'none', reason: 'it only reads' };
    throw new AppError(
      'invalid_input',
      `step ${step.id} writes and says no rollback: give a call, or \`none\` or \`impossible\` with the reason.`,
    );
  }
  if ('none' in rollback) return { kind: 'none', reason: rollback.none };
  if ('impossible' in rollback) return { kind: 'impossible', reason: rollback.impossible };
  const undo = await resolveCall(rollback.call, resolving, `rollback of step ${step.id}`);
  return {
    kind: 'call',
    call: undo.call,
    repeat: undo.described.repeat,
    effects: [...undo.described.effects],
    verify: await resolveChecks(rollback.verify, resolving),
    timeout_ms: rollback.timeout,
  };
}

function resolvePreview(step: PlaybookStep, kind: DescribedCall['kind'], scope: Scope): Preview {
  if (kind === 'read') return { kind: 'none', reason: 'it changes nothing' };
  if (step.preview === undefined) return { kind: 'none', reason: 'it brings no preview' };
  const text = lookUp(step.preview.diff.$ref, scope);
  if (typeof text !== 'string' || text === '') {
    return { kind: 'none', reason: `${step.preview.diff.$ref} holds no text` };
  }
  const cutBefore =
    step.preview.truncated !== undefined && lookUp(step.preview.truncated.$ref, scope) !== false;
  const shown = text.slice(0, MAX_PREVIEW).toWellFormed();
  return { kind: 'diff', text: shown, truncated: cutBefore || text.length > MAX_PREVIEW };
}

function retryRule(retry: PlaybookStep['retry']): RetryRule {
  return {
    max_attempts: retry.attempts,
    backoff_ms: retry.backoff,
    factor: 2,
    max_backoff_ms: Math.min(retry.backoff * 32, 3_600_000),
    on: retry.on,
  };
}
