import { randomUUID } from 'node:crypto';
import type { Api } from '@carapulse/client-http';
import { AppError, canonicalJson, JsonObject } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import type { Session } from '../session/session.ts';
import { required, text, type Action, type Flags } from './command.ts';
import { getSchedule, printSchedule } from './schedules.ts';
import { workflowInput } from './workflows.ts';

type Definition = Api['createSchedule']['body']['definition'];

export const createSchedule: Action = async (session, [name = ''], flags) => {
  const workflow = required(flags, 'workflow');
  const definition = {
    ...changes(flags),
    workflow,
    input: await workflowInput(session, workflow, {}, flags),
    cron: required(flags, 'cron'),
    reason: required(flags, 'reason'),
  };
  const { client } = await session.connect();
  const { body } = await client.call('createSchedule', { body: { name, definition }, ...once(session) });
  printSchedule(session, body);
};

export const updateSchedule: Action = async (session, [name = ''], flags) => {
  const { schedule } = await getSchedule(session, name, 1);
  const { definition: before, revision } = schedule;
  const workflow = text(flags, 'workflow') ?? before.workflow;
  const input = await workflowInput(session, workflow, JsonObject.parse(before.input), flags);
  const definition = { ...before, ...changes(flags), workflow, input };
  // It would make an author of whoever asked, who could approve its plans no more.
  if (canonicalJson(definition) === canonicalJson(before))
    throw new AppError('invalid_input', `This leaves ${name} as it is; say what is to change.`);
  const { client } = await session.connect();
  const { body } = await client.call('replaceSchedule', {
    params: { name },
    body: { definition, revision },
    ...once(session),
  });
  printSchedule(session, body);
};

export const pauseSchedule: Action = async (session, [name = ''], flags) => {
  const { client } = await session.connect();
  const body = { note: required(flags, 'note') };
  const answer = await client.call('pauseSchedule', { params: { name }, body, ...once(session) });
  printSchedule(session, answer.body);
};

export const resumeSchedule: Action = async (session, [name = ''], flags) => {
  const { client } = await session.connect();
  const body = { note: required(flags, 'note') };
  const answer = await client.call('resumeSchedule', { params: { name }, body, ...once(session) });
  printSchedule(session, answer.body);
};

export const triggerSchedule: Action = async (session, [name = ''], flags) => {
  const { client } = await session.connect();
  const sent = { params: { name }, body: { reason: required(flags, 'reason') }, ...once(session) };
  const { body } = await client.call('triggerSchedule', sent);
  session.out.one(body, body.firing_id, () => [
    `Schedule ${displayText(name)} fires now, as ${body.nominal_at}.`,
  ]);
  session.out.note(`Next: assistantctl schedule show ${name}`);
};

export const backfillSchedule: Action = async (session, [name = ''], flags) => {
  const { client } = await session.connect();
  const { body } = await client.call('backfillSchedule', {
    params: { name },
    body: { from: required(flags, 'from'), to: required(flags, 'to'), reason: required(flags, 'reason') },
    ...once(session),
  });
  session.out.one(body, name, () => [
    `Times of ${displayText(name)} that fire now: ${body.queued}. That have a plan, or wait for one, already: ${body.existing}.`,
  ]);
  session.out.note(`Next: assistantctl schedule show ${name}`);
};

export const deleteSchedule: Action = async (session, [name = ''], flags) => {
  const { client } = await session.connect();
  const query = { reason: required(flags, 'reason') };
  const { body } = await client.call('deleteSchedule', { params: { name }, query, ...once(session) });
  session.out.one(body, name, () => [`Schedule ${displayText(name)} is gone; plans that it made go on.`]);
};

function once(session: Session) {
  return { idempotencyKey: randomUUID(), signal: session.signal };
}

/** The fields of a definition that flags give. What they may be is said by the server. */
function changes(flags: Flags): Partial<Definition> {
  const given = {
    cron: text(flags, 'cron'),
    reason: text(flags, 'reason'),
    time_zone: text(flags, 'timeZone'),
    overlap: text(flags, 'overlap'),
    catch_up: text(flags, 'catchUp'),
    start_at: bound(flags, 'start'),
    end_at: bound(flags, 'end'),
    jitter_s: seconds(flags, 'jitter'),
    catch_up_window_s: seconds(flags, 'window'),
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as Partial<Definition>;
}

function bound(flags: Flags, name: string): string | null | undefined {
  const given = text(flags, name);
  return given === 'none' ? null : given;
}

function seconds(flags: Flags, name: string): number | undefined {
  const given = text(flags, name);
  if (given === undefined) return undefined;
  if (/^\d{1,7}$/.test(given)) return Number(given);
  throw new AppError('invalid_input', `--${name} ${given} is not a whole number of seconds.`);
}
