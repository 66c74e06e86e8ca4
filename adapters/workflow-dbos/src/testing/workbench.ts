import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { EngineWorkbench } from '@carapulse/workflows/testing';
import { PROBE_PATCH, probeMachine } from '@carapulse/workflows/testing/probe';
import { createDbosEngine } from '../dbos-engine.ts';
import type { OpenPool } from './pglite-place.ts';
import { openPlace } from './pglite-place.ts';

/** A snapshot after so few events that every run of the suite crosses some. */
export const SHORT = 2;

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

/** The workbench of an engine over places that `place` makes and whose lines lie in the file that `log` names. */
export function workbench(
  place: () => Promise<string>,
  log: (place: string) => string,
  leaseMs: number | null = null,
): EngineWorkbench {
  return {
    place,
    killsAtSnapshots: true,
    async open(where, work, { version, onHeard, abortGraceMs, patched, short } = {}) {
      const opened: OpenPool = await openPlace(where);
      const engine = await createDbosEngine({
        pool: opened.pool,
        machines: [probeMachine(onHeard, version, patched ? [PROBE_PATCH] : [])],
        activities: { work },
        clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
        pollMs: 100,
        // A busy test mustn't lose its lease; only processes that are killed need a short one.
        leaseMs: leaseMs === null ? null : 30_000,
        ...(abortGraceMs === undefined ? {} : { abortGraceMs }),
        ...(short && { snapshotEvery: SHORT }),
      });
      return {
        start: (run, name, input) => engine.start(run, name, input),
        signal: (run, id, name, payload) => engine.signal(run, id, name, payload),
        status: (run) => engine.status(run),
        wait: (run, signal) => engine.wait(run, signal),
        history: (runId) => engine.history(runId),
        recover: () => engine.recover(),
        close: async (drainMs) => {
          await engine.close(drainMs);
          await opened.close();
        },
      };
    },
    async child(where, order) {
      const child = spawn(
        process.execPath,
        [CHILD, where, log(where), JSON.stringify(order), JSON.stringify(leaseMs)],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      child.stderr.on('data', (data: Buffer) => (said += data.toString()));
      const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
      if (signal === 'SIGKILL') return { killed: true };
      if (code !== 0 || said !== '') throw new Error(`The child ended with ${code} and said: ${said}`);
      return { killed: false };
    },
    async lines(where) {
      return (await readFile(log(where), 'utf8')).trim().split('\n');
    },
  };
}
