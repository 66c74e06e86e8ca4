import { bundleMachines } from '@carapulse/workflow-temporal';
import { expect, test } from 'vitest';
import { WORKFLOWS_PATH } from './workflows-path.ts';

// Each run loads all of it anew: docs/decisions/0016-what-a-run-loads.md.
test('what runs in the sandbox holds the interpreter and no schema', { timeout: 120_000 }, async () => {
  const bundle = await bundleMachines(WORKFLOWS_PATH, undefined);
  const modules = [...bundle.matchAll(/^\/\*{3}\/ "(\.\/[^"]+)"/gm)].map(([, path]) => path);
  expect(modules).toContain('./core/workflows/src/interpreter.ts');
  expect(modules.filter((path) => path?.includes('/zod/'))).toEqual([]);
});
