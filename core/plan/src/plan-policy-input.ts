import type { Actor } from '@carapulse/kernel';
import type { PolicyInput } from '@carapulse/policy';
import type { PlanDraft } from './freeze-plan.ts';

/** What a draft or plan does not say itself about a question to policy. */
export interface PolicyQuestion {
  readonly actor: Actor;
  readonly phase: 'plan' | 'dispatch';
  readonly time: string;
  readonly stage: number;
  readonly breakGlass?: PolicyInput['action']['break_glass'];
}

/** The question whether a whole plan may be carried out: its effects, undo effects included, and its risk. */
export function planPolicyInput(draft: PlanDraft, question: PolicyQuestion): PolicyInput {
  const writes = draft.steps.filter((step) => step.kind === 'write');
  const radius = draft.blast_radius;
  return {
    actor: question.actor,
    action: {
      phase: question.phase,
      kind: writes.length === 0 ? 'read' : 'write',
      tool: 'plan',
      name: 'execute',
      trigger: draft.trigger.kind,
      break_glass: question.breakGlass ?? null,
      rollback: false,
      input: {
        calls: draft.steps.flatMap(callsOf),
        max_run_ms: draft.max_run_ms,
        expires_at: draft.expires_at,
        origin: draft.origin.name,
      },
    },
    context: draft.context,
    resources: {
      effects: draft.steps.flatMap((step) => [
        ...step.effects,
        ...(step.rollback.kind === 'call' ? step.rollback.effects : []),
      ]),
      write_steps: writes.length,
      services: servicesIn(radius),
      blast_radius: radius.kind === 'known' ? radius.resources.length + radius.dependents.length : null,
      reversible: writes.every((step) => step.rollback.kind !== 'impossible'),
      previewed: writes.every((step) => step.preview.kind === 'diff'),
    },
    risk: { level: draft.risk.level, rules: draft.risk.rules.map((rule) => rule.rule) },
    time: question.time,
    stage: question.stage,
  };
}

const SERVICE = 'service:';

/** The names of the services that are written to or repaired; the same at planning, at dispatch and under broken glass. */
function servicesIn({ resources }: PlanDraft['blast_radius']): string[] {
  return resources.filter((name) => name.startsWith(SERVICE)).map((name) => name.slice(SERVICE.length));
}

/** What a step calls, its undo included: policy knows tools and actions by these. */
function callsOf(step: PlanDraft['steps'][number]) {
  const { tool, action } = step.call;
  const { rollback } = step;
  return [
    { kind: step.kind, tool, action, undo: false },
    ...(rollback.kind === 'call'
      ? [{ kind: 'write', tool: rollback.call.tool, action: rollback.call.action, undo: true }]
      : []),
  ];
}
