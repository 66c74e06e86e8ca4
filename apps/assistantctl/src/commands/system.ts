import type { Api } from '@carapulse/client-http';
import { AppError, toTimestamp } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import { EXIT } from '../exit-codes.ts';
import { age } from '../output/age.ts';
import { chooseIdentity } from '../session/installation.ts';
import type { Session } from '../session/session.ts';
import { required, text, type Action } from './command.ts';

type HaltView = Api['getHalt']['response'];

export const halt: Action = async (session, _args, flags) => {
  if (flags['show'] === true) {
    const { client } = await session.connect('read');
    printHalts(session, (await client.call('getHalt', { signal: session.signal })).body);
    return;
  }
  const reason = text(flags, 'reason');
  if (reason === undefined || reason === '')
    throw new AppError('invalid_input', 'Say why with --reason; everybody whose write is refused reads it.');
  const scope = required(flags, 'scope');
  try {
    const { client } = await session.connect();
    const { body } = await client.call('setHalt', { body: { scope, reason }, signal: session.signal });
    session.out.note(`Writes are halted in ${scope === '*' ? 'every environment' : scope}.`);
    printHalts(session, body);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'unavailable') throw error;
    await haltByFile(session, scope, reason);
  }
};

/** A halt must not need a server: the tool router reads these files before each write, now or when it starts. */
async function haltByFile(session: Session, scope: string, reason: string): Promise<void> {
  const directory = session.installation();
  const name = await chooseIdentity(directory, session.options.as, 'write');
  const { openHaltDirectory } = await import('@carapulse/halt-fs');
  const halts = openHaltDirectory(directory);
  try {
    await halts.halt(scope, reason, `user:${name}`, toTimestamp(session.nowMs()));
    session.out.note(
      `The server does not answer; the halt was written to ${directory} and holds from now on.`,
    );
    printHalts(session, { halted: [...halts.list()] });
  } finally {
    halts.close();
  }
}

export const resume: Action = async (session, _args, flags) => {
  const { client } = await session.connect();
  const scope = required(flags, 'scope');
  const { body } = await client.call('clearHalt', {
    body: { scope, reason: required(flags, 'reason') },
    signal: session.signal,
  });
  printHalts(session, body);
};

function printHalts(session: Session, body: HaltView): void {
  session.out.list(body, body.halted, {
    name: (each) => each.scope,
    empty: 'Nothing is halted.',
    columns: [
      {
        title: 'HALTED',
        value: (each) => (each.scope === '*' ? '* (everything)' : each.scope),
        tone: () => 'bad',
      },
      { title: 'SINCE', value: (each) => age(each.at, session.nowMs()) },
      { title: 'BY', value: (each) => each.by },
      { title: 'REASON', value: (each) => each.reason },
    ],
  });
}

export const status: Action = async (session) => {
  const { client, url, directory } = await session.connect('read');
  const { signal } = session;
  const ready = await fetch(new URL('/readyz', url), { signal });
  const readiness = (await ready.json()) as Api['readyz']['response'];
  const told = await Promise.all([
    client.call('getHalt', { signal }),
    client.call('listPlans', { query: { status: 'awaiting_approval', limit: 200 }, signal }),
  ]).catch((error: unknown) => {
    // Without its database a server still says what is wrong with it, which is what was asked.
    if (!readiness.ready && error instanceof AppError && error.code === 'unavailable') return error;
    throw error;
  });
  const body = {
    url,
    directory,
    ...readiness,
    halted: told instanceof AppError ? null : told[0].body.halted,
    awaiting_approval: told instanceof AppError ? null : told[1].body.items.map((plan) => plan.plan_id),
  };
  const { out } = session;
  out.one(body, readiness.ready ? 'ready' : 'not ready', () => [
    `${out.paint(readiness.ready ? 'ready' : 'NOT READY', readiness.ready ? 'good' : 'bad')}: ${url}${directory === null ? '' : `, data in ${displayText(directory)}`}`,
    ...out.table(readiness.checks, [
      { title: 'CHECK', value: (each) => each.name },
      {
        title: 'STATE',
        value: (each) => (each.ok ? 'ok' : 'NOT OK'),
        tone: (each) => (each.ok ? 'good' : 'bad'),
      },
      { title: 'DETAIL', value: (each) => each.detail },
    ]),
    '',
    ...(told instanceof AppError
      ? [out.paint(`What is halted and what waits cannot be told: ${displayText(told.message)}`, 'bad')]
      : pending(session, told[0].body, told[1].body.items.length)),
  ]);
  return readiness.ready ? EXIT.ok : EXIT.error;
};

function pending({ out }: Session, { halted }: HaltView, waiting: number): readonly string[] {
  const scopes = halted.map((each) => displayText(`${each.scope} (${each.reason})`)).join(', ');
  return [
    halted.length === 0 ? 'Nothing is halted.' : out.paint(`Halted: ${scopes}`, 'bad'),
    `Plans that wait for a decision: ${waiting}`,
  ];
}
