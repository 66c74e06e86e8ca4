import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { longestFirst } from './repo/src/longest-first.ts';

/** Whatever begins last ends last: a long file alone at the end leaves the other processors idle. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return longestFirst(await super.sort(files), ({ moduleId }) => moduleId);
  }
}

/** `vitest run --project servers`; the number of workers is one for all projects of a run. */
const onServers = process.argv.includes('servers');

/** How long `expect.poll` looks: a loaded machine takes its time, and its default of 1 s says so as a failure. */
const expect = { poll: { timeout: 45_000 } };

export default defineConfig({
  test: {
    // Left alone it keeps a processor free, which is half of a small machine; tests wait for processes most of their
    // time, those against servers for leases as well.
    maxWorkers: onServers ? Math.ceil(availableParallelism() * 1.5) : '100%',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          expect,
          include: ['{core,adapters,apps,examples,repo,bench}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.server.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'servers',
          expect,
          include: ['{core,adapters,apps,examples,repo,e2e}/**/*.server.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          expect,
          include: ['e2e/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.server.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
