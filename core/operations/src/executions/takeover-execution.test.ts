import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { steeringVerbSuite, TAKEN, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { takeoverExecution } from './takeover-execution.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(takeoverExecution, run.as(who), { execution_id: run.id, reason: 'I looked into it', ...change });
const ready = () => steeredRun('paused', TOLD, {});

steeringVerbSuite({
  verb: 'takeover',
  signal: 'takeover',
  call,
  ready,
  said: { reason: 'I looked into it' },
  refused: [
    { status: 'failed', says: 'has ended' },
    { status: 'queued', says: 'exec cancel' },
    { status: 'taken_over', says: 'was taken over by user:eve', steering: TAKEN },
    { status: 'paused', says: 'was taken over by user:eve', steering: TAKEN },
  ],
  wrong: [{ what: 'a reason that is none', change: { reason: 'now' }, code: 'invalid_input' }],
  peopleOnly: true,
});

describe('takeover-execution', () => {
  it('is announced and due for review, with the state of the steps at that instant', async () => {
    const run = await ready();
    await call(run);
    const steps = [{ step_id: 'write', status: 'failed', attempts: 1 }];
    expect(await run.harness.audit()).toMatchObject([
      { details: { review: 'due', status: 'paused', steps } },
    ]);
    expect(run.harness.logged.join()).toContain('a run was taken over');
  });
});
