import { randomUUID } from 'node:crypto';
import type { Api } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import type { Session } from '../session/session.ts';
import { required, text, type Action, type Flags } from './command.ts';
import { accepted, showCommands } from './executions.ts';

type Steers =
  | 'pauseExecution'
  | 'retryStep'
  | 'skipStep'
  | 'takeoverExecution'
  | 'handbackExecution'
  | 'finishExecution';

/** One word to a run: what `body` makes of the flags, told under a key of its own. */
function steer<Id extends Steers>(id: Id, body: (flags: Flags) => Api[Id]['body']): Action {
  return async (session, [executionId = ''], flags) => {
    const { client } = await session.connect();
    const request = {
      params: { execution_id: executionId },
      body: body(flags),
      idempotencyKey: randomUUID(),
      signal: session.signal,
    };
    const { body: execution } = await client.call<Steers>(id, request);
    accepted(session, execution);
  };
}

const why = (flags: Flags): { reason: string } => ({ reason: required(flags, 'reason') });

export const pauseExecution = steer('pauseExecution', why);
export const handbackExecution = steer('handbackExecution', why);
export const retryStep = steer('retryStep', (flags) => ({ ...why(flags), step_id: required(flags, 'step') }));

export const skipStep = steer('skipStep', (flags) => {
  const [step, check] = [text(flags, 'step'), text(flags, 'check')];
  if ((step === undefined) === (check === undefined))
    throw new AppError('invalid_input', 'Name what is skipped: --step or --check, one of the two.');
  return {
    ...why(flags),
    ...(step !== undefined && { step_id: step }),
    ...(check !== undefined && { check_id: check }),
  };
});

const ENDS = ['succeeded', 'rolled_back', 'failed'] as const;
export const finishExecution = steer('finishExecution', (flags) => {
  const said = required(flags, 'as');
  const as = ENDS.find((each) => each === said);
  if (as === undefined) throw new AppError('invalid_input', `--as ${said} is none of ${ENDS.join(', ')}.`);
  return { ...why(flags), as };
});

const takeOver = steer('takeoverExecution', why);
export const takeoverExecution: Action = async (session: Session, args, flags) => {
  await takeOver(session, args, flags);
  if (flags['asCommands'] === true) await showCommands(session, args[0] ?? '');
};
