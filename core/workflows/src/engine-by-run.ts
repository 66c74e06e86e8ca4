import type { DurableEngine, RunStatus } from './durable-engine.ts';

/**
 * Several engines as one: new runs go to the first, and a run stays with the engine that started it, so that another
 * choice in the configuration moves nothing that is under way. A run that none knows is `absent`; while an engine doesn't
 * answer, runs of the others go on, and whether it has a run that they haven't is an error.
 */
export function engineByRun(engines: readonly [DurableEngine, ...DurableEngine[]]): DurableEngine {
  const [chosen, ...others] = engines;
  if (others.length === 0) return chosen;
  const homeOf = async (
    runId: string,
  ): Promise<{ readonly engine: DurableEngine; readonly status: RunStatus }> => {
    const asked = await Promise.allSettled(engines.map((engine) => engine.status(runId)));
    for (const [index, answer] of asked.entries()) {
      const engine = engines[index];
      if (engine === undefined || answer.status === 'rejected') continue;
      if (answer.value.kind !== 'absent') return { engine, status: answer.value };
    }
    // One that doesn't answer may have it.
    const failed = asked.find((answer) => answer.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return { engine: chosen, status: { kind: 'absent' } };
  };
  return {
    start: async (runId, machine, input) => {
      const { engine } = await homeOf(runId);
      return engine === chosen ? chosen.start(runId, machine, input) : 'exists';
    },
    signal: async (runId, signalId, name, payload) => {
      const { engine } = await homeOf(runId);
      await engine.signal(runId, signalId, name, payload);
    },
    status: async (runId) => (await homeOf(runId)).status,
    history: async (runId) => (await homeOf(runId)).engine.history(runId),
    wait: async (runId, signal) => (await homeOf(runId)).engine.wait(runId, signal),
    recover: async () => {
      const counts = await Promise.all(engines.map((engine) => engine.recover()));
      return counts.reduce((sum, each) => ({
        resumed: sum.resumed + each.resumed,
        stuck: sum.stuck + each.stuck,
      }));
    },
    check: async (signal) => {
      await Promise.all(engines.map(async (engine) => engine.check?.(signal)));
    },
    close: async (drainMs) => {
      const ends = await Promise.allSettled(engines.map((engine) => engine.close(drainMs)));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
