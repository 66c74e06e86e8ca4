import { invoke } from '../operation.ts';
import { steeredRun, TOLD } from '../testing/index.ts';
import { steeringVerbSuite, type SteeredRun } from '../testing/steering-verb-suite.ts';
import { retryStep } from './retry-step.ts';

const call = (run: SteeredRun, change: object = {}, who: Parameters<SteeredRun['as']>[0] = {}) =>
  invoke(retryStep, run.as(who), {
    execution_id: run.id,
    reason: 'I looked into it',
    step_id: 'write',
    ...change,
  });
const ready = () => steeredRun('paused', TOLD);
const steps = TOLD.steps.map((step) => ({ ...step, retry: 'look, then use exec resolve' }));

steeringVerbSuite({
  verb: 'retry',
  signal: 'retry',
  call,
  ready,
  said: { reason: 'I looked into it', step_id: 'write' },
  refused: [
    { status: 'failed', says: 'has ended' },
    { status: 'running', says: 'exec pause' },
    { status: 'rolling_back', says: 'exec pause' },
    { status: 'parked', says: 'exec pause' },
    { status: 'parked', says: 'exec resolve', steering: { ...TOLD, steps } },
  ],
  wrong: [
    { what: 'a step that the plan has not', change: { step_id: 'wirte' }, code: 'not_found' },
    { what: 'no step', change: { step_id: '' }, code: 'invalid_input' },
  ],
});
