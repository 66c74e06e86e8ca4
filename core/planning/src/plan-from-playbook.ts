import type { ServiceProfile } from '@carapulse/diagnosis';
import type { Alert, Incident } from '@carapulse/incident';
import { canonicalHash, toAppError } from '@carapulse/kernel';
import type { MatchedPlaybook } from './match-playbooks.ts';
import {
  planFromTemplate,
  saidBy,
  type PlanningOutcome,
  type PlanningTools,
  type PlanRequester,
} from './plan-from-template.ts';
import type { PlanTemplate } from './plan-template.ts';
import { resolveInput } from './references.ts';
import { findWorkflow } from './workflows/workflow-list.ts';

/** The incident that a plan is for, who asks, and where and when. */
export interface PlanningSubject extends PlanRequester {
  readonly incident: Incident;
  readonly alerts: readonly Alert[];
  readonly profile: ServiceProfile | null;
}

export interface PlanningInput extends PlanningSubject, PlanningTools {
  readonly match: MatchedPlaybook;
}

/**
 * Makes the plan of a matched playbook: of its own steps, or of those of the workflow that it names.
 * @throws AppError as `planFromTemplate`.
 */
export async function planFromPlaybook(input: PlanningInput, signal: AbortSignal): Promise<PlanningOutcome> {
  const { match, incident } = input;
  const { playbook, file } = match.playbook;
  const writer = `Playbook ${playbook.name} (${file})`;
  const { template, digest, because } = boundTemplate(match, writer);
  return planFromTemplate(
    {
      ...input,
      template,
      writer,
      origin: { planner: 'playbook', name: playbook.name, digest, because: [...because] },
      incidentId: incident.incident_id,
      service: incident.service,
    },
    signal,
  );
}

interface BoundTemplate {
  readonly template: PlanTemplate;
  readonly digest: string;
  readonly because: readonly string[];
}

const HOUR_MS = 3_600_000;

function boundTemplate(
  { playbook: loaded, parameters, because }: MatchedPlaybook,
  writer: string,
): BoundTemplate {
  const { workflow: named, ...playbook } = loaded.playbook;
  if (named === undefined) {
    const {
      summary,
      reads,
      conditions,
      steps,
      checks,
      expires_in = HOUR_MS,
      max_run = HOUR_MS / 4,
    } = playbook;
    const template = { summary, parameters, reads, conditions, steps, checks, expires_in, max_run };
    return { template, digest: loaded.digest, because };
  }
  try {
    // Its own conditions are of parameters alone and held when it matched.
    const input = resolveInput(named.input, { parameters, reads: {}, createdAt: '' });
    const workflow = findWorkflow(named.name);
    const { template, digest } = workflow.draft(input);
    return {
      template,
      digest: canonicalHash({ playbook: loaded.digest, workflow: digest }),
      because: [...because, `it names workflow ${workflow.name}, version ${workflow.version}`],
    };
  } catch (thrown) {
    throw saidBy(writer, toAppError(thrown));
  }
}
