import { profileOf, type ServiceProfiles } from '@carapulse/diagnosis';
import {
  planFromTemplate,
  type PlanningOutcome,
  type PlanningTools,
  type PlanRequester,
} from './plan-from-template.ts';
import type { NamedWorkflow, WorkflowDraft } from './workflow.ts';

export interface WorkflowRequest extends PlanRequester, PlanningTools {
  readonly workflow: NamedWorkflow;
  readonly drafted: WorkflowDraft;
  readonly profiles: ServiceProfiles;
  /** Why it is wanted: the first line shows beside the plan. */
  readonly because: readonly string[];
}

/** Makes the plan that a named workflow has drafted, for no incident. @throws AppError as `planFromTemplate`. */
export async function planFromWorkflow(
  request: WorkflowRequest,
  signal: AbortSignal,
): Promise<PlanningOutcome> {
  const { workflow, drafted, profiles, because } = request;
  const { service } = drafted.about;
  return planFromTemplate(
    {
      ...request,
      template: drafted.template,
      writer: `Workflow ${workflow.name}`,
      origin: {
        planner: 'workflow',
        name: workflow.name,
        digest: drafted.digest,
        because: [...because, `workflow ${workflow.name}, version ${workflow.version}`],
      },
      incidentId: null,
      service,
      profile: profileOf(profiles, service),
    },
    signal,
  );
}
