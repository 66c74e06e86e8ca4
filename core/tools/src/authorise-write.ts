import { verifyEnvelope } from '@carapulse/approval';
import type { Grant, TrustStore } from '@carapulse/approval';
import { canonicalJson, parseInput } from '@carapulse/kernel';
import type { RegisteredAction } from './registry.ts';
import type { ToolRequest } from './router-port.ts';
import { toolRefusal } from './tool-refusal.ts';

/** A write that is allowed: the grant and the approved call's own input, parsed. Nothing of the request is left. */
export interface AuthorisedWrite {
  readonly grant: Grant;
  readonly input: unknown;
}

/**
 * Turns a request into the approved call or refuses it. The envelope's step is what runs; a request that says
 * anything else is refused, and so is a plan made for another definition, settings or effects than today's.
 * @throws AppError of `verifyEnvelope`, or `request_differs`, `definition_changed`, `effects_differ`.
 */
export function authoriseWrite(
  registered: RegisteredAction,
  request: ToolRequest,
  options: { readonly trust: TrustStore; readonly nowMs: number },
): AuthorisedWrite {
  const grant = verifyEnvelope(request.envelope, options);
  assertSame(grant, request);
  const { action, settings, tool } = registered;
  const where = `${tool}.${action.name} of step ${grant.step.step_id}`;
  if (grant.call.definition_digest !== registered.digest || grant.repeat !== action.repeat) {
    throw toolRefusal(
      'definition_changed',
      `The definition or settings of ${where} changed since the plan was made; make a new plan.`,
      { planned: grant.call.definition_digest, present: registered.digest },
    );
  }
  const input = parseInput(action.input, grant.call.input, `The input of ${where}`);
  if (canonicalJson(action.effects(input, settings)) !== canonicalJson(grant.effects)) {
    throw toolRefusal(
      'effects_differ',
      `The effects of ${where} are not those that were approved; make a new plan.`,
    );
  }
  return { grant, input };
}

function assertSame(grant: Grant, request: ToolRequest): void {
  const pairs: ReadonlyArray<readonly [string, unknown, unknown]> = [
    ['tool', request.tool, grant.call.tool],
    ['action', request.action, grant.call.action],
    ['input', request.input, grant.call.input],
    ['context', request.context, grant.plan.context],
    ['executionId', request.executionId, grant.body.execution_id],
    ['idempotencyKey', request.idempotencyKey, grant.body.idempotency_key],
  ];
  const different = pairs.filter(([, asked, approved]) => canonicalJson(asked) !== canonicalJson(approved));
  if (different.length === 0) return;
  const names = different.map(([name]) => name);
  throw toolRefusal(
    'request_differs',
    `The request's ${names.join(', ')} differ${names.length === 1 ? 's' : ''} from step ${grant.step.step_id} of ` +
      `plan ${grant.plan.plan_id}; the step runs as approved or not at all.`,
    { fields: names },
  );
}
