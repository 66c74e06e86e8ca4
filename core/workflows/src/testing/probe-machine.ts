import { AppError, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import type { Machine, RunCommand, RunEvent, Transition } from '../durable-engine.ts';

const ProbeInputSchema = z.strictObject({
  work: z.array(
    z.strictObject({ key: z.string(), after: z.array(z.string()), timeoutMs: z.int().optional() }),
  ),
  timersMs: z.array(z.int()).default([]),
  signals: z.int().default(0),
  /** Cancels the activity or the child of this key when a signal is heard. */
  cancelOnSignal: z.string().nullable().default(null),
  /** Its machine fails when it hears anything. */
  breaks: z.boolean().default(false),
  /** So many activities more, a few at once, when all else is done; they are counted, not told. */
  loops: z.int().default(0),
  /** Other probes, started when the work that they come after is done. */
  children: z
    .array(
      z.strictObject({ key: z.string(), after: z.array(z.string()), machine: z.string(), input: JsonObject }),
    )
    .default([]),
});
/**
 * What a probe does: work in the order of a graph, timers from its start, a number of signals to hear. A failed
 * activity is asked for again under its next attempt.
 */
export type ProbeInput = {
  readonly work: readonly {
    readonly key: string;
    readonly after: readonly string[];
    readonly timeoutMs?: number;
  }[];
  readonly timersMs?: readonly number[];
  readonly signals?: number;
  readonly cancelOnSignal?: string;
  readonly breaks?: boolean;
  readonly loops?: number;
  readonly children?: readonly {
    readonly key: string;
    readonly after: readonly string[];
    readonly machine: string;
    readonly input: JsonObject;
  }[];
};

export interface ProbeState {
  readonly input: z.output<typeof ProbeInputSchema>;
  readonly runId: string;
  readonly startedAtMs: number;
  readonly asked: readonly string[];
  readonly done: readonly string[];
  readonly heard: readonly string[];
  readonly attempts: number;
  readonly loopsAsked: number;
  readonly loopsDone: number;
  readonly childrenAsked: readonly string[];
  readonly childrenDone: readonly string[];
}

export const PROBE_VERSION = 1;
/** A change within the version: when all work is done, there is one activity more, `patched`. */
export const PROBE_PATCH = 'one more';
const LOOPS_AT_ONCE = 10;

/** Told each event as the machine hears it, replayed ones too; `count` is how many the run has heard. */
export type OnHeard = (runId: string, event: string, count: number) => void;

/** The machine of the conformance suite. An engine whose machines run elsewhere carries `onHeard` across by itself. */
export function probeMachine(
  onHeard: OnHeard = () => undefined,
  version = PROBE_VERSION,
  patches: readonly (typeof PROBE_PATCH)[] = [],
): Machine<ProbeState> {
  return {
    name: 'probe',
    version,
    patches,
    start(raw, runId, startedAtMs, patched) {
      const parsed = ProbeInputSchema.parse(raw);
      // A probe without it is the code from before the patch, which asks for none.
      const more = patches.includes(PROBE_PATCH) && patched(PROBE_PATCH);
      const last = { key: 'patched', after: parsed.work.map(({ key }) => key) };
      const input = more ? { ...parsed, work: [...parsed.work, last] } : parsed;
      const state = {
        input,
        runId,
        startedAtMs,
        asked: [],
        done: [],
        heard: [],
        attempts: 0,
        loopsAsked: 0,
        loopsDone: 0,
        childrenAsked: [],
        childrenDone: [],
      };
      const timers = input.timersMs.map((delayMs, index): RunCommand => ({
        kind: 'timer',
        key: `${runId}/timer-${index}`,
        dueAtMs: startedAtMs + delayMs,
      }));
      return turn(state, timers);
    },
    react(before, event) {
      if (event.kind === 'activity' && event.key.includes('/loop-')) return loop(before);
      const told = tell(before.runId, event);
      const heard = [...before.heard, `${told}@${event.atMs}`];
      onHeard(before.runId, told, heard.length);
      if (before.input.breaks) throw new AppError('internal', `the probe ${before.runId} cannot go on`);
      const state = { ...before, heard };
      if (event.kind === 'signal') {
        const key = before.input.cancelOnSignal;
        if (key === null) return turn(state, []);
        const isChild = before.input.children.some((child) => child.key === key);
        return turn(state, [{ kind: 'cancel', key: isChild ? key : `${before.runId}/${key}/1` }]);
      }
      if (event.kind === 'timer') return turn(state, []);
      if (event.kind === 'child') {
        const ended = event.outcome.kind === 'ended';
        return turn({ ...state, childrenDone: [...state.childrenDone, ...(ended ? [event.key] : [])] }, []);
      }
      const [, key = ''] = event.key.split('/');
      const retry =
        event.outcome.kind === 'failed' && ['transient', 'throttled'].includes(event.outcome.errorClass);
      if (!retry) return turn({ ...state, done: [...state.done, key] }, []);
      const attempts = state.attempts + 1;
      return turn({ ...state, attempts }, [ask(state, key, attempts + 1)]);
    },
  };
}

function turn(before: ProbeState, first: readonly RunCommand[]): Transition<ProbeState> {
  const { input, done, asked, heard, childrenAsked, childrenDone } = before;
  const ready = input.work.filter(
    ({ key, after }) => !asked.includes(key) && after.every((needed) => done.includes(needed)),
  );
  const born = input.children.filter(
    ({ key, after }) => !childrenAsked.includes(key) && after.every((needed) => done.includes(needed)),
  );
  const state = {
    ...before,
    asked: [...asked, ...ready.map(({ key }) => key)],
    childrenAsked: [...childrenAsked, ...born.map(({ key }) => key)],
  };
  const commands = [
    ...first,
    ...ready.map(({ key }) => ask(state, key, 1)),
    ...born.map(({ key, machine, input: given }): RunCommand => ({
      kind: 'child',
      key,
      machine,
      input: given,
    })),
  ];
  const count = (kind: string): number => heard.filter((told) => told.startsWith(kind)).length;
  const ended =
    done.length === input.work.length &&
    childrenDone.length === input.children.length &&
    count('signal') >= input.signals &&
    count('timer') === input.timersMs.length;
  if (!ended) return { state, commands };
  if (state.loopsDone < input.loops) return askLoops(state, commands);
  return { state, commands, result: { heard, startedAtMs: state.startedAtMs } };
}

function loop(before: ProbeState): Transition<ProbeState> {
  return turn({ ...before, loopsDone: before.loopsDone + 1 }, []);
}

function askLoops(state: ProbeState, first: readonly RunCommand[]): Transition<ProbeState> {
  const until = Math.min(state.input.loops, state.loopsDone + LOOPS_AT_ONCE);
  const indexes = Array.from({ length: until - state.loopsAsked }, (_, index) => state.loopsAsked + index);
  const commands = [...first, ...indexes.map((index) => ask(state, `loop-${index}`, 1))];
  return { state: { ...state, loopsAsked: until }, commands };
}

function ask(state: ProbeState, key: string, attempt: number): RunCommand {
  const timeoutMs = state.input.work.find((work) => work.key === key)?.timeoutMs ?? 30_000;
  return {
    kind: 'activity',
    key: `${state.runId}/${key}/${attempt}`,
    name: 'work',
    input: { key, attempt },
    timeoutMs,
  };
}

function tell(runId: string, event: RunEvent): string {
  if (event.kind === 'signal') return `signal ${event.name} ${JSON.stringify(event.payload)}`;
  if (event.kind === 'child') return `child ${event.key} ${event.outcome.kind}`;
  const key = event.key.slice(runId.length + 1);
  if (event.kind === 'timer') return `timer ${key}`;
  return `activity ${key} ${event.outcome.kind === 'ok' ? 'ok' : `${event.outcome.code} ${event.outcome.errorClass}`}`;
}

/** What a probe heard, in order, without the instants. */
export function heardOf(result: JsonObject): readonly string[] {
  return (result['heard'] as readonly string[]).map((told) => told.slice(0, told.lastIndexOf('@')));
}

/** The instant at which each event was heard. */
export function instantsOf(result: JsonObject): readonly number[] {
  return (result['heard'] as readonly string[]).map((told) => Number(told.slice(told.lastIndexOf('@') + 1)));
}
