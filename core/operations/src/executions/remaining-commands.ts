import { displayText, pasteable, topologicalOrder, type Plan, type ToolCall } from '@carapulse/plan';
import type { ToolCatalogue } from '@carapulse/planning';
import type { ExecutionRecord, StepRecord } from '../ports/index.ts';

/**
 * What a person who takes a run over could paste: the writes and reads that are left, in order, then the undo of what was
 * written, last written first. For reading; nothing of it is ever executed by us.
 */
export async function remainingCommands(
  plan: Plan,
  execution: ExecutionRecord,
  rows: readonly StepRecord[],
  catalogue: ToolCatalogue,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const statusOf = (id: string) => rows.find((row) => row.step_id === id)?.status;
  const left = topologicalOrder(plan.steps).filter(({ step_id: id }) => {
    const status = statusOf(id);
    return status !== 'succeeded' && status !== 'skipped' && status !== 'rolled_back';
  });
  const writtenAt = (id: string): string => rows.find((row) => row.step_id === id)?.ended_at ?? '';
  const written = plan.steps
    .filter(({ kind, step_id: id }) => kind === 'write' && UNDOABLE.has(statusOf(id) ?? ''))
    .toSorted((a, b) => (writtenAt(a.step_id) < writtenAt(b.step_id) ? 1 : -1));
  const undos = await Promise.all(
    written.map(async ({ step_id: id, title, rollback }) => {
      const head = `# undo of ${id} (${statusOf(id)}): ${displayText(title)}`;
      if (rollback.kind !== 'call') return [head, `# ${rollback.kind}: ${displayText(rollback.reason)}`];
      return [head, ...lines(await undoCommands(rollback.call, catalogue, signal), rollback.call)];
    }),
  );
  return [
    `# Execution ${execution.execution_id} of plan ${plan.plan_id}: ${displayText(plan.summary)}`,
    left.length === 0 ? '# forward: nothing is left' : '# forward:',
    ...left.flatMap((step) => [
      `# ${step.kind} ${step.step_id} (${statusOf(step.step_id) ?? 'not begun'}): ${displayText(step.title)}`,
      ...lines(step.commands, step.call),
    ]),
    written.length === 0 ? '# back: nothing was written' : '# back, last written first:',
    ...undos.flat(),
  ];
}

/** Written for certain, or perhaps; a failed undo leaves its step as `failed` or `rolling_back`. */
const UNDOABLE: ReadonlySet<string> = new Set(['succeeded', 'outcome_unknown', 'rolling_back']);

async function undoCommands(
  { tool, action, input }: ToolCall,
  catalogue: ToolCatalogue,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    return (await catalogue.describe({ tool, action, input }, signal))?.commands ?? [];
  } catch {
    // A tool that has changed since, or can't be asked, gives no command; the call itself is shown instead.
    return [];
  }
}

function lines(commands: readonly string[], { tool, action, input }: ToolCall): readonly string[] {
  if (commands.length > 0) return commands.map(pasteable);
  return [`# no command line is known for ${tool}.${action} of ${displayText(JSON.stringify(input))}`];
}
