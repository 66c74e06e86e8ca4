import { sourcesOf, type Check } from '@carapulse/plan';
import type { CheckPhase } from './activities.ts';
import { readCheckOutput, type CheckOutput } from './heard.ts';
import type { ActivityOutcome } from './durable-engine.ts';
import type { Draft } from './interpreter-draft.ts';
import type { Round, Task } from './interpreter-state.ts';

/** Beyond its own `within_ms`, what the last sample of a check may take. */
const SAMPLE_SLACK_MS = 60_000;

export function roundKey(phase: CheckPhase, stepId: string | null): string {
  return `${phase}/${stepId ?? ''}`;
}

/** Asks the checks of one list together. The list is not empty. */
export function askRound(
  draft: Draft,
  phase: CheckPhase,
  stepId: string | null,
  checks: readonly Check[],
  newerThanMs: number | null,
): void {
  const round = roundKey(phase, stepId);
  const { state } = draft;
  state.rounds = {
    ...state.rounds,
    [round]: { phase, stepId, open: checks.length, passed: [], failed: [], inconclusive: [] },
  };
  for (const check of checks) {
    const key = `${state.runId}/checks/${phase}/${stepId ?? 'plan'}/${check.check_id}/${draft.next()}`;
    const input = {
      execution_id: state.executionId,
      check_id: check.check_id,
      phase,
      step_id: stepId,
      newer_than_ms: newerThanMs,
      outputs: draft.outputsOf(sourcesOf(check)),
    };
    const timeoutMs = check.samples.within_ms + SAMPLE_SLACK_MS;
    draft.activity(key, 'check', input, timeoutMs, { kind: 'check', round, checkId: check.check_id });
  }
}

/** Takes one answer; gives the round back when it was the last. A check that could not be asked is inconclusive. */
export function hearCheck(
  draft: Draft,
  task: Extract<Task, { kind: 'check' }>,
  outcome: ActivityOutcome,
): Round | null {
  const { state } = draft;
  const round = state.rounds[task.round];
  if (round === undefined) return null;
  const { verdict, reason } = verdictOf(outcome);
  const said = { check_id: task.checkId, phase: round.phase, step_id: round.stepId, verdict, reason };
  const same = (other: typeof said): boolean =>
    other.check_id === said.check_id && other.phase === said.phase && other.step_id === said.step_id;
  state.checks = [...state.checks.filter((other) => !same(other)), said];
  const text = reason === '' ? task.checkId : `${task.checkId} (${reason.slice(0, 300)})`;
  const heard: Round = { ...round, open: round.open - 1, [verdict]: [...round[verdict], text] };
  const { [task.round]: _, ...others } = state.rounds;
  state.rounds = heard.open === 0 ? others : { ...others, [task.round]: heard };
  return heard.open === 0 ? heard : null;
}

function verdictOf(outcome: ActivityOutcome): Pick<CheckOutput, 'verdict' | 'reason'> {
  if (outcome.kind === 'failed') {
    return {
      verdict: 'inconclusive',
      reason: `could not be asked: ${outcome.code}: ${outcome.message}`.slice(0, 2000),
    };
  }
  const output = readCheckOutput(outcome.output);
  return output ?? { verdict: 'inconclusive', reason: 'answered in a form that is not a verdict' };
}
