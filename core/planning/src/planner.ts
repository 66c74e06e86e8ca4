import type { Diagnosis } from '@carapulse/diagnosis';
import type { PlanDraft } from '@carapulse/plan';
import { matchPlaybooks, type PlaybookMatch } from './match-playbooks.ts';
import type { LoadedPlaybook } from './parse-playbook.ts';
import { planFromPlaybook, type PlanningSubject } from './plan-from-playbook.ts';
import type { ReadTool, ToolCatalogue } from './ports.ts';

/** What is to be planned for: an incident that was investigated. */
export interface PlanRequest extends PlanningSubject {
  readonly diagnosis: Diagnosis;
}

/** What a planner looked at, in its order, and the draft if one came of it. `because` says why none did. */
export interface Proposal {
  readonly draft: PlanDraft | null;
  readonly matches: readonly PlaybookMatch[];
  readonly because: readonly string[];
}

/** Proposes plans. It reads through the tool router and changes nothing; whatever it returns is judged like any other. */
export interface Planner {
  readonly name: string;
  propose(request: PlanRequest, signal: AbortSignal): Promise<Proposal>;
}

export interface PlaybookPlannerPorts {
  playbooks(signal: AbortSignal): Promise<readonly LoadedPlaybook[]>;
  readonly catalogue: ToolCatalogue;
  readonly readTool: ReadTool;
}

/** The default planner: the first playbook that matches and whose reads and conditions hold. Deterministic. */
export function createPlaybookPlanner(ports: PlaybookPlannerPorts): Planner {
  return {
    name: 'playbook',
    async propose(request, signal) {
      const playbooks = await ports.playbooks(signal);
      const matches = matchPlaybooks({ ...request, playbooks });
      const because: string[] = [];
      for (const match of matches) {
        if (!match.matched) continue;
        const outcome = await planFromPlaybook({ ...request, ...ports, match }, signal);
        if (outcome.kind === 'planned') return { draft: outcome.draft, matches, because: match.because };
        because.push(...outcome.because.map((reason) => `${match.playbook.playbook.name}: ${reason}`));
      }
      return {
        draft: null,
        matches,
        because: because.length > 0 ? because : ['no playbook matches'],
      };
    },
  };
}
