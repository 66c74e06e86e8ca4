import { invoke } from '../operation.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { steeringVerbSuite, TAKEN, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { handbackExecution } from './handback-execution.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(handbackExecution, run.as(who), { execution_id: run.id, reason: 'I looked into it', ...change });
const ready = () => steeredRun('taken_over', TAKEN);

steeringVerbSuite({
  verb: 'handback',
  signal: 'handback',
  call,
  ready,
  said: { reason: 'I looked into it' },
  refused: [
    { status: 'failed', says: 'has ended' },
    { status: 'running', says: 'nobody has taken it over' },
    { status: 'paused', says: 'nobody has taken it over', steering: TOLD },
  ],
  peopleOnly: true,
});
