import { defineConfig } from 'vitest/config';

/** How long `expect.poll` looks: a loaded machine takes its time, and its default of 1 s says so as a failure. */
const expect = { poll: { timeout: 45_000 } };

export default defineConfig({
  test: {
    // Left alone it keeps a processor free, which is half of a small machine; tests wait for processes most of their time.
    maxWorkers: '100%',
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
