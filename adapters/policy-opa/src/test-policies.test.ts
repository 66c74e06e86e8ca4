import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testPolicies } from './test-policies.ts';

const policiesDir = join(import.meta.dirname, '..', '..', '..', 'policies');
const { signal } = new AbortController();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'carapulse-policy-tests-'));
  await writeFile(join(dir, 'rules.rego'), 'package rules\n\none := 1\n\ntwo := 2 if {\n\tinput.two\n}\n');
  await writeFile(
    join(dir, 'rules_test.rego'),
    'package rules_test\n\nimport data.rules\n\ntest_right if rules.one == 1\n\ntest_wrong if rules.one == 2\n\ntodo_test_later if false\n',
  );
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('testPolicies', () => {
  test('the shipped rules pass their tests, which reach every line', async () => {
    const run = await testPolicies(policiesDir, signal);
    if (run.kind === 'broken') throw new Error(JSON.stringify(run.faults, null, 2));
    expect(run.results.filter(({ outcome }) => outcome !== 'passed')).toEqual([]);
    expect(run.coverage.filter(({ gaps }) => gaps.length > 0)).toEqual([]);
    expect(run.coverage.map(({ file }) => file)).toEqual([
      'break-glass.rego',
      'decision.rego',
      'environment.rego',
      'limits.rego',
      'read.rego',
      'secrets.rego',
      'skip.rego',
      'tools.rego',
      'write.rego',
    ]);
    expect(run).toMatchObject({ passed: true, coveredPerMille: 1000 });
    expect(run.results.length).toBeGreaterThanOrEqual(60);
  });

  test('a failure and an uncovered rule are named with their places', async () => {
    const run = await testPolicies(dir, signal);
    if (run.kind === 'broken') throw new Error(JSON.stringify(run.faults));
    expect(run.passed).toBe(false);
    expect(run.results).toMatchObject([
      { name: 'test_right', outcome: 'passed' },
      { name: 'test_wrong', outcome: 'failed', file: 'rules_test.rego', row: 7 },
      { name: 'todo_test_later', outcome: 'skipped' },
    ]);
    expect(run.coverage).toMatchObject([
      {
        file: 'rules.rego',
        gaps: expect.arrayContaining([
          [5, 5],
          [6, 6],
        ]),
      },
    ]);
    expect(run.coveredPerMille).toBeLessThan(1000);
  });

  test('a filter chooses', async () => {
    const run = await testPolicies(dir, signal, { filter: 'test_right' });
    expect(run).toMatchObject({ kind: 'ran', passed: true });
  });

  test('rules that do not compile are faults with file, row and column', async () => {
    const broken = await mkdtemp(join(dir, 'broken-'));
    await writeFile(join(broken, 'a.rego'), 'package a\n\nx := unknown_function(1)\n');
    expect(await testPolicies(broken, signal)).toEqual({
      kind: 'broken',
      faults: [
        {
          code: 'rego_type_error',
          message: 'undefined function unknown_function',
          file: 'a.rego',
          row: 3,
          col: 6,
        },
      ],
    });
  });
});
