import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compared, median } from './measurement.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'apps', 'assistantctl', 'src', 'main.ts');
const ROUNDS = 25;
const WARM_UP = 3;

/** How long `assistantctl` takes to start and answer, beside an empty Node. */
export const bench = {
  name: 'start of assistantctl',
  peer: 'node -e 0',
  run: async () => {
    const commands = { version: [MAIN, '--version'], help: [MAIN, '--help'], peer: ['-e', '0'] } as const;
    const taken: Record<keyof typeof commands, number[]> = { version: [], help: [], peer: [] };
    // Round by round, so that other load on the machine falls on all of them alike.
    for (let round = -WARM_UP; round < ROUNDS; round += 1)
      for (const name of ['version', 'help', 'peer'] as const) {
        const ms = start(commands[name]);
        if (round >= 0) taken[name].push(ms);
      }
    const peer = median(taken.peer);
    return (['version', 'help'] as const).map((name) => {
      return compared(`assistantctl --${name}, p50`, median(taken[name]), peer, 'ms', '≤ 150 ms');
    });
  },
};

function start(args: readonly string[]): number {
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(status)}`);
  return performance.now() - startedAt;
}
