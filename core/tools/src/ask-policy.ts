import { countApprovals } from '@carapulse/approval';
import type { Grant, TrustStore } from '@carapulse/approval';
import { toTimestamp } from '@carapulse/kernel';
import type { Decision, Effect, Policy, PolicyInput } from '@carapulse/policy';
import type { ConstraintFacts, ConstraintJudge } from './router-ports.ts';
import type { ToolRequest } from './router-port.ts';
import { toolRefusal } from './tool-refusal.ts';

/** How a blast radius names a service. */
const SERVICE = 'service:';

export interface PolicyQuestion {
  readonly request: ToolRequest;
  readonly effects: readonly Effect[];
  readonly nowMs: number;
  readonly stage: number;
  readonly signal: AbortSignal;
}

export interface PolicyPorts {
  readonly policy: Policy;
  readonly judge: ConstraintJudge;
  readonly trust: TrustStore;
}

/** @throws AppError `policy_denied` unless policy allows the read and its constraints hold. */
export async function askPolicyForRead(ports: PolicyPorts, question: PolicyQuestion): Promise<Decision> {
  const { request } = question;
  const decision = await ports.policy.decide(readInput(question), question.signal);
  if (decision.decision !== 'allow') throw denied(request, decision);
  assertConstraints(ports, decision, readFacts(question), request);
  return decision;
}

/**
 * Asks policy again before an effect. The approvals must be enough for today's decision as well, and both the
 * hashed and today's constraints hold. A rollback is asked about for the record and never stopped.
 * @throws AppError `policy_denied` with `policy_denied`, `policy_stricter` or `constraint_violated`.
 */
export async function askPolicyForWrite(
  ports: PolicyPorts,
  grant: Grant,
  question: PolicyQuestion,
): Promise<Decision> {
  const { request } = question;
  const decision = await ports.policy.decide(writeInput(grant, question), question.signal);
  if (grant.body.direction === 'rollback') return decision;
  if (decision.decision === 'deny') throw denied(request, decision);
  const merged = {
    decision: decision.decision === 'allow' ? grant.plan.policy.decision : decision.decision,
    constraints: [...grant.plan.policy.constraints, ...decision.constraints],
  };
  const count = countApprovals(
    { ...grant.plan, policy: merged },
    grant.body.approvals,
    ports.trust,
    grant.instants,
  );
  if (!count.satisfied) {
    throw toolRefusal(
      'policy_stricter',
      `Policy now asks for more than plan ${grant.plan.plan_id} has: ${count.have} of ${count.needed} approvals ` +
        `count. ${reasonsOf(decision)}`,
      { needed: count.needed, have: count.have, refused: count.refused },
    );
  }
  assertConstraints(ports, merged, writeFacts(grant, question), request);
  return decision;
}

function assertConstraints(
  ports: PolicyPorts,
  decision: Pick<Decision, 'constraints'>,
  facts: ConstraintFacts,
  request: ToolRequest,
): void {
  const violated = ports.judge(decision.constraints, facts);
  if (violated.length === 0) return;
  throw toolRefusal(
    'constraint_violated',
    `${request.tool}.${request.action} breaks what policy allows: ${violated.map((item) => item.message).join(' ')}`,
    { constraints: violated.map((item) => item.kind) },
  );
}

function denied(request: ToolRequest, decision: Decision): Error {
  return toolRefusal(
    'policy_denied',
    `Policy does not allow ${request.tool}.${request.action}: ${reasonsOf(decision)}`,
    { rules: decision.reasons.map((reason) => reason.rule) },
  );
}

function reasonsOf(decision: Decision): string {
  return decision.reasons.map((reason) => `${reason.message} (${reason.rule})`).join(' ');
}

function readFacts(question: PolicyQuestion): ConstraintFacts {
  return {
    effects: question.effects,
    writeSteps: 0,
    maxRunMs: 0,
    reversible: true,
    nowMs: question.nowMs,
  };
}

function writeFacts(grant: Grant, question: PolicyQuestion): ConstraintFacts {
  return {
    effects: question.effects,
    writeSteps: grant.plan.steps.filter((step) => step.kind === 'write').length,
    maxRunMs: grant.plan.max_run_ms,
    reversible: grant.step.rollback.kind !== 'impossible',
    nowMs: question.nowMs,
  };
}

function readInput(question: PolicyQuestion): PolicyInput {
  const { request } = question;
  let trigger: PolicyInput['action']['trigger'] = 'manual';
  if (request.investigationId !== null) trigger = 'alert';
  else if (request.executionId !== null) trigger = 'workflow';
  return {
    ...base(question),
    action: {
      phase: 'read',
      kind: 'read',
      tool: request.tool,
      name: request.action,
      trigger,
      break_glass: null,
      rollback: false,
      input: request.input,
    },
    resources: {
      effects: [...question.effects],
      write_steps: 0,
      services: [],
      blast_radius: 0,
      reversible: true,
      previewed: true,
    },
    risk: { level: 'low', rules: [] },
  };
}

function writeInput(grant: Grant, question: PolicyQuestion): PolicyInput {
  const { plan, step, call } = grant;
  const glass = grant.approvals.breakGlass;
  const radius = plan.blast_radius;
  return {
    ...base(question),
    // Only a person breaks the glass: policy judges the one who signed, not the service that carries it out.
    actor: grant.approvals.breakGlassBy ?? question.request.actor,
    action: {
      phase: 'effect',
      kind: 'write',
      tool: call.tool,
      name: call.action,
      trigger: plan.trigger.kind,
      break_glass:
        glass === null || glass.break_glass === null
          ? null
          : { ...glass.break_glass, expires_at: glass.expires_at },
      rollback: grant.body.direction === 'rollback',
      input: call.input,
    },
    resources: {
      effects: [...question.effects],
      write_steps: plan.steps.filter((candidate) => candidate.kind === 'write').length,
      services: radius.resources.flatMap((name) =>
        name.startsWith(SERVICE) ? [name.slice(SERVICE.length)] : [],
      ),
      blast_radius: radius.kind === 'known' ? radius.resources.length + radius.dependents.length : null,
      reversible: step.rollback.kind !== 'impossible',
      previewed: step.preview.kind === 'diff',
    },
    risk: { level: plan.risk.level, rules: plan.risk.rules.map((rule) => rule.rule) },
  };
}

function base(question: PolicyQuestion): Pick<PolicyInput, 'actor' | 'context' | 'time' | 'stage'> {
  const { request } = question;
  return {
    actor: request.actor,
    context: request.context,
    time: toTimestamp(question.nowMs),
    stage: question.stage,
  };
}
