import { describe, expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { steeringVerbSuite, TAKEN, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { pauseExecution } from './pause-execution.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(pauseExecution, run.as(who), { execution_id: run.id, reason: 'I looked into it', ...change });
const ready = () => steeredRun('running');

steeringVerbSuite({
  verb: 'pause',
  signal: 'pause',
  call,
  ready,
  said: { reason: 'I looked into it' },
  refused: [
    { status: 'succeeded', says: 'has ended' },
    { status: 'succeeded_with_skips', says: 'has ended' },
    { status: 'paused', says: 'was paused by user:alice already', steering: TOLD },
    { status: 'taken_over', says: 'was taken over by user:eve', steering: TAKEN },
  ],
});

describe('pause-execution', () => {
  it.each(['queued', 'rolling_back', 'parked'] as const)(
    'is heard by a run that is %s too',
    async (status) => {
      const run = await steeredRun(status);
      await call(run);
      expect(run.harness.signals).toHaveLength(1);
    },
  );
});
