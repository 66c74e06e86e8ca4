import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compared, type Measurement } from './measurement.ts';
import type { FootprintMeasurement, LatencyMeasurement } from './store-process.ts';

function measure(mode: 'ours' | 'bare' | 'pair', directory: string): unknown {
  const script = join(import.meta.dirname, 'store-process.ts');
  const run = spawnSync(process.execPath, [...process.execArgv, script, mode, directory], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`${script} ${mode} failed: ${run.stderr}`);
  return JSON.parse(run.stdout);
}

/** The embedded database through our layers against the engine alone, both with real syncs. */
export const bench = {
  name: 'embedded database',
  peer: 'PGlite alone with the same synced files',
  run(): Promise<readonly Measurement[]> {
    const home = mkdtempSync(join(tmpdir(), 'carapulse-bench-store-'));
    try {
      const single = join(home, 'single');
      const cold = measure('ours', single) as FootprintMeasurement;
      const bare = measure('bare', single) as FootprintMeasurement;
      const ours = measure('ours', single) as FootprintMeasurement;
      const latency = measure('pair', home) as LatencyMeasurement;
      const { insertMs, rawInsertMs, transactionMs } = latency;
      return Promise.resolve([
        compared('synced insert, p50', insertMs.p50, rawInsertMs.p50, 'ms', '≤ 1.3× raw'),
        compared('synced insert, p99', insertMs.p99, rawInsertMs.p99, 'ms', '≤ 1.3× raw'),
        compared(
          'transaction with audit and event against a raw insert, p50',
          transactionMs.p50,
          rawInsertMs.p50,
          'ms',
          '',
        ),
        compared('open warm, migrations checked', ours.openMs, bare.openMs, 'ms', '≤ 2000 for the product'),
        compared('create and migrate against opening', cold.openMs, bare.openMs, 'ms', ''),
        compared('resident memory, steady', ours.steadyMb, bare.steadyMb, 'MB', '≤ 450 for the product'),
        compared('resident memory, peak', ours.peakMb, bare.peakMb, 'MB', ''),
      ]);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
};
