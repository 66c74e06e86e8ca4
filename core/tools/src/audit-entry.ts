import type { Grant } from '@carapulse/approval';
import { toAppError } from '@carapulse/kernel';
import type { Decision } from '@carapulse/policy';
import type { ToolAudit, ToolAuditEntry } from './router-ports.ts';
import type { ToolRequest } from './router-port.ts';

type Outcome = NonNullable<ToolAuditEntry['outcome']>;

interface Facts {
  readonly decision?: Decision;
  readonly grant?: Grant;
}

/** Writes the records of one call. */
export interface CallRecord {
  intent(facts: Facts): Promise<void>;
  outcome(
    facts: Facts & {
      readonly kind: Outcome['kind'];
      readonly evidenceId: string;
      readonly durationMs: number;
    },
  ): Promise<void>;
  /** Records a failure; what the record itself fails with is lost behind the failure, which matters more. */
  failure(
    error: unknown,
    facts: Facts & { readonly kind: Outcome['kind']; readonly durationMs: number },
  ): Promise<void>;
  /** Runs `work`; what it refuses is recorded as refused and thrown on. */
  refusals<T>(work: () => Promise<T>): Promise<T>;
}

export function recordOf(
  deps: { readonly audit: ToolAudit },
  request: ToolRequest,
  kind: ToolAuditEntry['kind'],
  inputDigest: string,
): CallRecord {
  const entry = (phase: ToolAuditEntry['phase'], facts: Facts, outcome: Outcome | null): ToolAuditEntry => ({
    phase,
    tool: request.tool,
    action: request.action,
    kind,
    actor: request.actor,
    context: request.context,
    inputDigest,
    idempotencyKey: request.idempotencyKey,
    executionId: request.executionId,
    epoch: request.epoch,
    investigationId: request.investigationId,
    grant: facts.grant === undefined ? null : grantOf(facts.grant),
    decision:
      facts.decision === undefined
        ? null
        : { decision: facts.decision.decision, rules: facts.decision.reasons.map((reason) => reason.rule) },
    outcome,
  });
  const failure: CallRecord['failure'] = async (error, facts) => {
    const failed = toAppError(error);
    const reason = failed.details['reason'];
    const outcome: Outcome = {
      kind: facts.kind,
      code: failed.code,
      reason: typeof reason === 'string' ? reason : null,
      evidenceId: null,
      durationMs: facts.durationMs,
    };
    const phase = facts.kind === 'refused' ? 'refused' : 'outcome';
    await deps.audit.record(entry(phase, facts, outcome)).catch(() => undefined);
  };
  return {
    intent: (facts) => deps.audit.record(entry('intent', facts, null)),
    outcome: (facts) =>
      deps.audit.record(
        entry('outcome', facts, {
          kind: facts.kind,
          code: null,
          reason: null,
          evidenceId: facts.evidenceId,
          durationMs: facts.durationMs,
        }),
      ),
    failure,
    refusals: async (work) => {
      try {
        return await work();
      } catch (error) {
        await failure(error, { kind: 'refused', durationMs: 0 });
        throw error;
      }
    },
  };
}

function grantOf(grant: Grant): NonNullable<ToolAuditEntry['grant']> {
  return {
    planId: grant.plan.plan_id,
    planHash: grant.plan.plan_hash,
    stepId: grant.step.step_id,
    direction: grant.body.direction,
    epoch: grant.body.epoch,
    approvers: grant.approvals.approvers,
  };
}
