import { PROBE_PATCH, probeMachine } from '@carapulse/workflows/testing/probe';
import { expect, it } from 'vitest';
import type { DbosRun } from './dbos-runs.ts';
import { drivable, MachineFit } from './machine-fit.ts';

const run = (patches?: readonly string[], version = 1): DbosRun => ({
  runId: 'r',
  executor: 'e',
  status: 'PENDING',
  applicationVersion: 'carapulse-durable-1',
  input: { machine: 'probe', version, input: {}, ...(patches && { patches }) },
  output: null,
});
const plain = probeMachine();
const patched = probeMachine(undefined, 1, [PROBE_PATCH]);
const fit = (...elsewhere: (typeof plain)[]): MachineFit =>
  new MachineFit([plain], undefined, async () => new Set(elsewhere.flatMap(drivable)));

it('a run goes on where some process has its version and each of its patches', async () => {
  expect(await fit().whyStuck(run())).toBeNull();
  expect(await fit(patched).whyStuck(run([PROBE_PATCH]))).toBeNull();
  expect(await fit(plain).whyStuck(run([PROBE_PATCH]))).toMatch(
    /this build lacks its patch one more, and no/,
  );
  expect(await fit(patched).whyStuck(run([PROBE_PATCH, 'other']))).toMatch(/lacks its patch one more, other/);
  expect(await fit(patched).whyStuck(run(undefined, 2))).toMatch(/version 2; this build has version 1/);
});

it('a process drives what it has all patches of, whatever else it has', () => {
  expect(fit().canDrive({ machine: 'probe', version: 1, input: {} })).toBe(true);
  expect(fit().canDrive({ machine: 'probe', version: 1, input: {}, patches: [PROBE_PATCH] })).toBe(false);
  const newer = new MachineFit([patched], undefined, async () => new Set());
  expect(newer.canDrive({ machine: 'probe', version: 1, input: {} })).toBe(true);
  expect(newer.canDrive({ machine: 'probe', version: 1, input: {}, patches: [PROBE_PATCH] })).toBe(true);
});
