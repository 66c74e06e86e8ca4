import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { missingOf, startTemporal, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { startMeasured } from './carapulse-process.ts';
import { compared, type Measurement } from './measurement.ts';
import { bundleBare, bundleOurs } from './temporal/bundle.ts';

const SCRIPT = join(import.meta.dirname, 'waiting-runs-process.ts');
/** Temporal's development server is slow to start many. */
const RUNS = { pglite: 1000, temporal: 200 };
type Where = keyof typeof RUNS;
const SETTLE_MS = 5000;
/** What a holder is given of where its runs are kept. */
type Place = (subject: string, runs: number) => readonly string[];

/** Resident memory that 1,000 waiting runs take: of a process that holds some, less that of one that holds none. */
async function perThousand(where: Where, subject: string, place: Place, home: string): Promise<number> {
  const resident: number[] = [];
  for (const runs of [0, RUNS[where]]) {
    const args = [where, subject, String(runs), ...place(subject, runs)];
    const holder = await startMeasured(SCRIPT, args, join(home, 'process.log'));
    try {
      await sleep(SETTLE_MS);
      resident.push(holder.memoryMb().resident);
    } finally {
      await holder.stop();
    }
  }
  return (((resident[1] ?? Number.NaN) - (resident[0] ?? Number.NaN)) * 1000) / RUNS[where];
}

async function measure(where: Where, place: Place, home: string): Promise<Measurement> {
  const [ours, bare] = [
    await perThousand(where, 'ours', place, home),
    await perThousand(where, 'bare', place, home),
  ];
  return compared(
    `resident memory per 1,000 waiting runs, ${where}, seen on ${RUNS[where]}`,
    ours,
    bare,
    'MB',
    '',
  );
}

async function run(): Promise<readonly Measurement[]> {
  const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-waiting-'));
  try {
    const rows = [await measure('pglite', (subject, runs) => [join(home, `${subject}-${runs}`)], home)];
    const server = TESTBED_SERVERS['temporal'];
    if (server !== undefined && (await missingOf(server)).length === 0) {
      const temporal = await startTemporal({ directory: home, signal: AbortSignal.timeout(60_000) });
      try {
        // Not in the holders: what bundling leaves in their memory comes and goes.
        await writeFile(join(home, 'ours.js'), await bundleOurs());
        await writeFile(join(home, 'bare.js'), await bundleBare());
        const place: Place = (subject) => [temporal.address, join(home, `${subject}.js`)];
        rows.push(await measure('temporal', place, home));
      } finally {
        await temporal.stop();
      }
    }
    return rows;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

export const bench = {
  name: 'waiting runs',
  peer: 'as many workflows of the bare SDK that wait for a message, in a process of their own',
  run,
};
