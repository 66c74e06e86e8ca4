import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPlanClaims } from './plan-claims.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claims '));
});
afterEach(() => rm(directory, { recursive: true }));

test('the first execution keeps the plan, also of several at once and after a restart', async () => {
  const claims = openPlanClaims(directory);
  const holders = await Promise.all(['ex_1', 'ex_2', 'ex_3'].map((id) => claims.claim('pl_a', id)));
  expect(new Set(holders).size).toBe(1);
  expect(await openPlanClaims(directory).claim('pl_a', 'ex_9')).toBe(holders[0]);
  expect(await readdir(directory)).toEqual(['pl_a']);
});

test('a closed plan is refused to everybody, with the first reason', async () => {
  const claims = openPlanClaims(directory);
  await claims.claim('pl_a', 'ex_1');
  await claims.close('pl_a', 'ex_1 succeeded');
  await claims.close('pl_a', 'again');
  await expect(openPlanClaims(directory).claim('pl_a', 'ex_1')).rejects.toMatchObject({
    code: 'approval_invalid',
    message: expect.stringContaining('closed (ex_1 succeeded)'),
  });
  expect(await claims.claim('pl_b', 'ex_1')).toBe('ex_1');
});

test('ids that are paths are refused', async () => {
  const claims = openPlanClaims(directory);
  await expect(claims.claim('../pl_a', 'ex_1')).rejects.toThrow('not an id');
  await expect(claims.close('pl_a/..', 'x')).rejects.toThrow('not an id');
});
