/**
 * Owner of every call of a tool; reads and writes go through here and nowhere else. Boundary: the ports in
 * `RouterDeps`; the request is not trusted, nor is what the database says of plans and approvals.
 *
 * Invariants of a write, whatever instant the process dies at:
 * W1 No effect before the intent is durable in the journal and then in the audit.
 * W2 Dead before the journal's intent: nothing happened, the next attempt starts anew.
 * W3 Dead after it and before the outcome is journalled: the next attempt of the step finds the intent. Convergent and
 *    keyed actions run again; observable ones are read back first and run only when certainly not done; unsafe ones,
 *    and those that cannot be read back, end as `outcome_unknown`. No effect happens twice.
 * W4 Outcome journalled implies evidence stored and outcome audited; the next attempt answers from the journal.
 * W5 An intent is cleared (`not_done`) only when it is certain that nothing happened.
 * W6 Halt and epoch are read again after the last wait before the effect.
 * W7 An error other than `outcome_unknown` means that nothing happened, or, when it is retryable or `halted`, that the
 *    action may run again. A write ended in flight is read back at once; an observed effect is answered as done.
 *    A target that cannot be reached is asked again within the write's time, one that doesn't tell is not.
 * W8 One execution per plan, one call per journal key at a time, in all processes together.
 * W9 A write that another process has taken up is not carried out here any more: asked right before the effect.
 */
import { canonicalHash, parseInput } from '@carapulse/kernel';
import { askPolicyForRead } from './ask-policy.ts';
import { recordOf } from './audit-entry.ts';
import { executeWrite } from './execute-write.ts';
import type { ToolRegistry } from './registry.ts';
import type { RouterDeps } from './router-deps.ts';
import type { CallOptions, ToolRequest, ToolResponse, ToolRouter } from './router-port.ts';
import { openSession } from './tool-session.ts';
import { toolRefusal } from './tool-refusal.ts';

/** The one tool router, see `ToolRouter` and the invariants above. */
export function createToolRouter(deps: RouterDeps): ToolRouter {
  const inFlight = new Set<string>();
  const exclusively = async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    if (inFlight.has(key))
      throw toolRefusal('call_in_flight', `Call ${key} is running already; wait for it.`);
    inFlight.add(key);
    try {
      return await work();
    } finally {
      inFlight.delete(key);
    }
  };
  return {
    execute: async (request, options) => {
      options.signal.throwIfAborted();
      const registered = deps.registry.find(request.tool, request.action);
      if (registered.action.kind === 'write')
        return executeWrite(deps, registered, request, options, exclusively);
      const what = `The input of ${request.tool}.${request.action}`;
      const input = parseInput(registered.action.input, request.input, what);
      return exclusively(request.idempotencyKey, () =>
        executeRead(deps, { registered, request, input }, options),
      );
    },
  };
}

async function executeRead(
  deps: RouterDeps,
  call: {
    readonly registered: ReturnType<ToolRegistry['find']>;
    readonly request: ToolRequest;
    readonly input: unknown;
  },
  options: CallOptions,
): Promise<ToolResponse> {
  const { registered, request, input } = call;
  const startedMs = deps.clock.monotonicMs();
  const elapsedMs = (): number => Math.max(0, Math.round(deps.clock.monotonicMs() - startedMs));
  const record = recordOf(deps, request, 'read', canonicalHash(request.input));
  const { decision, effects } = await record.refusals(async () => {
    const effects = registered.action.effects(input, registered.settings);
    const nowMs = deps.clock.nowMs();
    const question = { request, effects, nowMs, stage: deps.stage, signal: options.signal };
    return { effects, decision: await askPolicyForRead(deps, question) };
  });
  const key = request.idempotencyKey;
  const { executionId, epoch } = request;
  const hold = executionId === null || epoch === null ? null : { executionId, epoch };
  const begun = await deps.journal.begin({
    key,
    tool: request.tool,
    action: request.action,
    kind: 'read',
    inputDigest: canonicalHash(request.input),
    executionId: request.executionId,
    epoch: request.epoch,
  });
  if (begun.kind === 'done') return { ...begun.response, repeated: true };
  const session = openSession(deps, {
    registered,
    input,
    idempotencyKey: key,
    timeoutMs: registered.action.timeoutMs,
    signal: options.signal,
    onOutput: options.onOutput,
  });
  try {
    const output = await session.run();
    const evidenceId = await deps.evidence.put({
      kind: `${request.tool}_${request.action}`,
      tool: request.tool,
      action: request.action,
      target: effects[0]?.target ?? `${request.tool}:`,
      context: request.context,
      executionId: request.executionId,
      epoch: request.epoch,
      investigationId: request.investigationId,
      planId: request.planId ?? null,
      data: output,
    });
    const response = { output, repeated: false, evidenceId, durationMs: elapsedMs() };
    await record.outcome({ decision, kind: 'done', evidenceId, durationMs: response.durationMs });
    await deps.journal.finish(key, { kind: 'done', response }, hold);
    return response;
  } catch (error) {
    await record.failure(error, { decision, kind: 'failed', durationMs: elapsedMs() });
    await deps.journal.finish(key, { kind: 'not_done' }, hold).catch(() => undefined);
    throw error;
  }
}
