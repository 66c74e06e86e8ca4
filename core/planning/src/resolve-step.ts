import { AppError, holdsMark, toAppError } from '@carapulse/kernel';
import { Check } from '@carapulse/plan';
import type { Preview, RetryRule, Rollback, Step, ToolCall } from '@carapulse/plan';
import { fillDisplay } from './display-fields.ts';
import type { PlaybookCall, PlaybookCheck, PlaybookStep } from './playbook.ts';
import type { CatalogueAction, ToolCatalogue } from './ports.ts';
import { lookUp, resolveInput, resolveValue, type Scope } from './references.ts';

const MAX_PREVIEW = 200_000;

/** A step with literal inputs, the tool's effects and its definition's digest. @throws AppError as `planFromPlaybook`. */
export function resolveStep(step: PlaybookStep, scope: Scope, catalogue: ToolCatalogue): Step {
  const { call, action } = resolveCall(step.call, scope, catalogue, `step ${step.id}`);
  return {
    step_id: step.id,
    title: fillDisplay(step.title, scope.parameters, 200),
    kind: action.kind,
    call,
    repeat: action.repeat,
    effects: [...action.effects(call.input)],
    depends_on: step.depends_on,
    preconditions: step.preconditions.map((check) => resolveCheck(check, scope, catalogue)),
    verify: step.verify.map((check) => resolveCheck(check, scope, catalogue)),
    rollback: resolveRollback(step, action, scope, catalogue),
    timeout_ms: step.timeout,
    retry: retryRule(step.retry),
    preview: resolvePreview(step, action, scope),
    commands: action.commands(call.input).map((command) => command.slice(0, 4000)),
  };
}

/** A check with literal inputs. Only reads can be checks. */
export function resolveCheck(check: PlaybookCheck, scope: Scope, catalogue: ToolCatalogue): Check {
  const { call, action } = resolveCall(check.call, scope, catalogue, `check ${check.id}`);
  if (action.kind !== 'read') {
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

function resolveCall(
  call: PlaybookCall,
  scope: Scope,
  catalogue: ToolCatalogue,
  where: string,
): { readonly call: ToolCall; readonly action: CatalogueAction } {
  const name = `${call.tool}.${call.action}`;
  const action = catalogue.action(call.tool, call.action);
  if (action === null) {
    throw new AppError('not_supported', `${where}: ${name} is not configured; add connectors.${call.tool}.`);
  }
  const resolved = resolveInput(call.input, scope);
  if (action.kind === 'write' && holdsMark(resolved)) {
    throw new AppError(
      'precondition_failed',
      `${where}: ${name} would write [redacted:…] in place of a secret, which is hidden in plans; let it be named where ` +
        `it is kept (a Secret of the cluster, say) instead of being written out`,
    );
  }
  try {
    const input = action.parse(resolved);
    return {
      action,
      call: {
        tool: call.tool,
        action: call.action,
        input,
        bindings: [],
        definition_digest: action.definitionDigest,
      },
    };
  } catch (thrown) {
    const error = toAppError(thrown);
    throw new AppError(error.code, `${where}: ${name} does not take this input: ${error.message}`, {
      cause: thrown,
      errors: error.errors,
    });
  }
}

function resolveRollback(
  step: PlaybookStep,
  action: CatalogueAction,
  scope: Scope,
  catalogue: ToolCatalogue,
): Rollback {
  const { rollback } = step;
  if (rollback === undefined) {
    if (action.kind === 'read') return { kind: 'none', reason: 'it only reads' };
    throw new AppError(
      'invalid_input',
      `step ${step.id} writes and says no rollback: give a call, or \`none\` or \`impossible\` with the reason.`,
    );
  }
  if ('none' in rollback) return { kind: 'none', reason: rollback.none };
  if ('impossible' in rollback) return { kind: 'impossible', reason: rollback.impossible };
  const undo = resolveCall(rollback.call, scope, catalogue, `rollback of step ${step.id}`);
  return {
    kind: 'call',
    call: undo.call,
    repeat: undo.action.repeat,
    effects: [...undo.action.effects(undo.call.input)],
    verify: rollback.verify.map((check) => resolveCheck(check, scope, catalogue)),
    timeout_ms: rollback.timeout,
  };
}

function resolvePreview(step: PlaybookStep, action: CatalogueAction, scope: Scope): Preview {
  if (action.kind === 'read') return { kind: 'none', reason: 'it changes nothing' };
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
