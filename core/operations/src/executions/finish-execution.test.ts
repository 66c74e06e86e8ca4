import { invoke } from '../operation.ts';
import { steeredRun } from '../testing/index.ts';
import { steeringVerbSuite, TAKEN, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { finishExecution } from './finish-execution.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(finishExecution, run.as(who), {
    execution_id: run.id,
    reason: 'I looked into it',
    as: 'rolled_back',
    ...change,
  });
const ready = () => steeredRun('taken_over', TAKEN);

steeringVerbSuite({
  verb: 'finish',
  signal: 'finish_by_hand',
  call,
  ready,
  said: { reason: 'I looked into it', as: 'rolled_back' },
  refused: [
    { status: 'failed', says: 'has ended' },
    { status: 'running', says: 'exec takeover' },
    { status: 'paused', says: 'at rest', steering: TAKEN },
  ],
  wrong: [{ what: 'an end that it does not know', change: { as: 'cancelled' }, code: 'invalid_input' }],
  peopleOnly: true,
});
