import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Left alone it keeps a processor free, which is half of a small machine; tests wait for processes most of their time.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{core,adapters,apps,examples,repo,bench}/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.server.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['{core,adapters,apps,examples,repo,e2e}/**/*.server.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.server.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
