import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCarapulse, startMeasured, type MeasuredProcess } from './carapulse-process.ts';
import { compared, median, type Measurement } from './measurement.ts';

const WARM_STARTS = 5;
const SETTLE_MS = 5000;
const PEER = join(import.meta.dirname, 'bare-stack-process.ts');

interface Seen {
  readonly readyMs: number;
  readonly resident: number;
  readonly peak: number;
}

async function see(start: () => Promise<MeasuredProcess>, settleMs: number): Promise<Seen> {
  const running = await start();
  try {
    if (settleMs > 0) await sleep(settleMs);
    return { readyMs: running.readyMs, ...running.memoryMb() };
  } finally {
    await running.stop();
  }
}

async function run(): Promise<readonly Measurement[]> {
  const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-up-'));
  try {
    await chmod(home, 0o711);
    const [directory, peerData] = [join(home, 'ours'), join(home, 'bare')];
    const ours = (): Promise<MeasuredProcess> => startCarapulse(directory, null);
    const bare = (): Promise<MeasuredProcess> => startMeasured(PEER, [peerData], join(home, 'bare.log'));
    const cold = { ours: await see(ours, 0), bare: await see(bare, 0) };
    const peerCluster = join(directory, 'database', 'cluster');
    await rm(peerData, { recursive: true });
    await cp(peerCluster, peerData, { recursive: true });
    const warm: { ours: Seen[]; bare: Seen[] } = { ours: [], bare: [] };
    for (let start = 0; start < WARM_STARTS; start += 1) {
      const settleMs = start === WARM_STARTS - 1 ? SETTLE_MS : 0;
      warm.ours.push(await see(ours, settleMs));
      warm.bare.push(await see(bare, settleMs));
    }
    const readyMs = (seen: readonly Seen[]): number => median(seen.map((each) => each.readyMs));
    const [settled, bareSettled] = [warm.ours.at(-1), warm.bare.at(-1)];
    const of = (seen: Seen | undefined, name: 'resident' | 'peak'): number => seen?.[name] ?? Number.NaN;
    return [
      compared(
        `spawned to ready, warm, median of ${WARM_STARTS}`,
        readyMs(warm.ours),
        readyMs(warm.bare),
        'ms',
        '≤ 2000 ms',
      ),
      compared('spawned to ready, first start', cold.ours.readyMs, cold.bare.readyMs, 'ms', ''),
      compared(
        `resident memory, ${SETTLE_MS / 1000} s after ready`,
        of(settled, 'resident'),
        of(bareSettled, 'resident'),
        'MB',
        '≤ 450 MB',
      ),
      compared('resident memory, peak, warm', of(settled, 'peak'), of(bareSettled, 'peak'), 'MB', ''),
      compared('resident memory, peak, first start', cold.ours.peak, cold.bare.peak, 'MB', ''),
    ];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

export const bench = { name: '`carapulse up`', peer: 'PGlite and Fastify opened bare', rounds: 1, run };
