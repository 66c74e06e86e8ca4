import { randomUUID } from 'node:crypto';
import type { Api } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import { displayText, fitWidth } from '@carapulse/plan';
import { exitCodeOfRun } from '../exit-codes.ts';
import { followLog, type LogLine } from '../session/follow-log.ts';
import { age, span } from '../output/age.ts';
import { toneOf } from '../output/paint.ts';
import type { Session } from '../session/session.ts';
import { required, type Action } from './command.ts';
import { nextPage, pageQuery } from './pages.ts';

type ExecutionView = Api['getExecution']['response'];
type ProgressStep = ExecutionView['progress']['steps'][number];

export const listExecutions: Action = async (session, _args, flags) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('listExecutions', { query: pageQuery(flags), signal: session.signal });
  const now = session.nowMs();
  session.out.list(body, body.items, {
    name: (each) => each.execution_id,
    empty: 'Nothing has run yet.',
    columns: [
      { title: 'EXECUTION', value: (each) => each.execution_id },
      { title: 'STATUS', value: (each) => each.status, tone: (each) => toneOf(each.status) },
      { title: 'PLAN', value: (each) => each.plan_id },
      { title: 'AGE', value: (each) => age(each.queued_at, now) },
      { title: 'TOOK', value: (each) => took(each.started_at, each.ended_at) },
      { title: 'WHY', value: (each) => each.status_reason },
      { title: 'FIRST WRITE', value: (each) => each.first_write_at ?? '-', wide: true },
    ],
  });
  nextPage(session, body);
};

const took = (from: string | null, to: string | null): string =>
  from === null || to === null ? '-' : span(Date.parse(to) - Date.parse(from));

async function getExecution(session: Session, executionId: string): Promise<ExecutionView> {
  const { client } = await session.connect('read');
  const params = { execution_id: executionId };
  return (await client.call('getExecution', { params, signal: session.signal })).body;
}

/** What is left to do and to undo, as a person would paste it. */
export async function showCommands(session: Session, executionId: string): Promise<void> {
  const { commands } = await getExecution(session, executionId);
  for (const line of commands) session.terminal.out(`${displayText(line)}\n`);
}

export const showExecution: Action = async (session, [executionId = ''], flags) => {
  if (flags['asCommands'] === true) return showCommands(session, executionId);
  const view = await getExecution(session, executionId);
  session.out.one(view, view.execution.execution_id, () => describe(session, view));
};

/** Its history as JSON whatever the format asked for: it is for a file. */
export const executionHistory: Action = async (session, [executionId = '']) => {
  const { client } = await session.connect('read');
  const params = { execution_id: executionId };
  const { body } = await client.call('getHistory', { params, signal: session.signal });
  session.terminal.out(`${JSON.stringify(body, null, 2)}\n`);
};

const DETAIL_WIDTH = 80;

/** A check's detail holds what was measured, whole; `-o wide` shows all of it. */
const shortened = (session: Session, detail: string): string =>
  session.out.format === 'wide' ? detail : fitWidth(displayText(detail), DETAIL_WIDTH);

function waits({ waits_for: waitsFor }: ProgressStep, nowMs: number): string {
  switch (waitsFor?.kind) {
    case undefined:
      return '';
    case 'timer':
      return `a retry ${age(waitsFor.until, nowMs)}`;
    case 'steps':
      return waitsFor.step_ids.join(', ');
    case 'person':
    case 'run':
      return waitsFor.what;
  }
}

/** In whose hands the run is, what would follow, what may be done, and what was skipped. */
function steeringRows(session: Session, { execution, progress }: ExecutionView): readonly string[] {
  const { held, undecided, skipped, steps, skippable_checks: checks, deadline_at: deadline } = progress;
  const row = (label: string, value: string): string => `${label.padEnd(12)}${displayText(value)}`;
  const may = (verb: 'retry' | 'skip'): readonly string[] => {
    const ids = steps.filter((step) => step[verb] === null).map((step) => step.step_id);
    return ids.length === 0 ? [] : [row(`May ${verb}`, ids.join(', '))];
  };
  const by = held?.kind === 'paused' ? 'Paused by' : 'Taken over';
  return [
    ...(held === null ? [] : [row(by, `${held.by} ${age(held.at, session.nowMs())} ago: ${held.reason}`)]),
    ...undecided.map((each) => row('Undecided', each.reason)),
    ...may('retry'),
    ...may('skip'),
    ...(checks.length === 0 ? [] : [row('May skip', `checks ${checks.join(', ')}`)]),
    ...skipped.map((each) => row('Skipped', `${skippedText(each)} by ${each.by}: ${each.reason}`)),
    ...(deadline === null || execution.ended_at !== null
      ? []
      : [row('Time left', `until ${deadline} (${age(deadline, session.nowMs())})`)]),
  ];
}

function skippedText(skip: ExecutionView['progress']['skipped'][number]): string {
  if (skip.check_ids.length === 0) return `step ${skip.step_id}`;
  const of = skip.step_id === null ? '' : ` of ${skip.step_id}`;
  return `${skip.check_ids.length === 1 ? 'check' : 'checks'} ${skip.check_ids.join(', ')}${of}`;
}

function describe(session: Session, view: ExecutionView): readonly string[] {
  const { execution, steps, checks, evidence, progress } = view;
  const of = (step: ProgressStep) => steps.find((each) => each.step_id === step.step_id);
  const statusOf = (step: ProgressStep): string =>
    step.state === 'verifying' ? step.state : (of(step)?.status ?? step.state);
  const { out } = session;
  const row = (label: string, value: string): string => `${label.padEnd(12)}${displayText(value)}`;
  return [
    row('Execution', execution.execution_id),
    `${'Status'.padEnd(12)}${out.paint(execution.status, toneOf(execution.status))}${execution.status_reason === '' ? '' : `: ${displayText(execution.status_reason)}`}`,
    ...steeringRows(session, view),
    row('Plan', execution.plan_id),
    row('Started', `${execution.started_at ?? '-'} (took ${took(execution.started_at, execution.ended_at)})`),
    row('First write', execution.first_write_at ?? 'nothing was written'),
    '',
    ...out.table(progress.steps, [
      { title: 'STEP', value: (step) => step.step_id },
      { title: 'STATUS', value: (step) => statusOf(step), tone: (step) => toneOf(statusOf(step)) },
      { title: 'TRIES', value: (step) => String(step.attempt) },
      { title: 'TOOK', value: (step) => took(of(step)?.started_at ?? null, of(step)?.ended_at ?? null) },
      { title: 'WAITS FOR', value: (step) => waits(step, session.nowMs()) },
      { title: 'DETAIL', value: (step) => of(step)?.detail ?? '' },
    ]),
    ...(checks.length === 0
      ? []
      : [
          '',
          ...out.table(checks, [
            { title: 'CHECK', value: (check) => check.check_id },
            { title: 'WHEN', value: (check) => check.phase.replaceAll('_', ' ') },
            { title: 'VERDICT', value: (check) => check.verdict, tone: (check) => toneOf(check.verdict) },
            { title: 'DETAIL', value: (check) => shortened(session, check.detail) },
          ]),
        ]),
    ...(evidence.length === 0
      ? []
      : [
          '',
          ...out.table(evidence, [
            { title: 'EVIDENCE', value: (each) => each.kind },
            { title: 'FROM', value: (each) => `${each.source.tool}.${each.source.action}` },
            { title: 'BYTES', value: (each) => String(each.bytes) },
            { title: 'OBJECT', value: (each) => each.object_key },
            { title: 'SHA-256', value: (each) => each.sha256, wide: true },
          ]),
        ]),
  ];
}

/** One line of a log as people read it: time, step, text. */
function printLine(session: Session, line: LogLine): void {
  const { out, terminal } = session;
  if (out.format === 'json') {
    terminal.out(`${JSON.stringify(line)}\n`);
    return;
  }
  const head = `${line.at.slice(11, 19)} ${(line.step_id ?? '-').padEnd(14)}`;
  const tone = line.stream === 'stderr' ? 'warn' : line.stream === 'event' ? 'strong' : null;
  terminal.out(`${out.paint(displayText(head), 'faint')} ${out.paint(displayText(line.text), tone)}\n`);
}

export const executionLogs: Action = async (session, [executionId = ''], flags) => {
  const follow = flags['follow'] === true;
  const ended = await followLog(session, executionId, { follow, line: (line) => printLine(session, line) });
  if (!ended && !follow) session.out.note('The run goes on; --follow stays with it.');
};

export const watchExecution: Action = async (session, [executionId = '']) => {
  const before = await getExecution(session, executionId);
  for (const line of steeringRows(session, before)) session.terminal.err(`${line}\n`);
  await followLog(session, executionId, { follow: true, line: (line) => printLine(session, line) });
  const view = await getExecution(session, executionId);
  const { execution, checks } = view;
  const reason = execution.status_reason === '' ? '' : `: ${displayText(execution.status_reason)}`;
  session.terminal.err(`${session.out.paint(execution.status, toneOf(execution.status))}${reason}\n`);
  if (execution.status === 'parked')
    session.out.note(
      `A person must decide. Next: assistantctl exec show ${executionId}, then exec resume, resolve or cancel.`,
    );
  return exitCodeOfRun(
    execution.status,
    checks.every((check) => check.phase !== 'after' || check.verdict === 'passed'),
  );
};

function control(id: 'cancelExecution' | 'resumeExecution'): Action {
  return async (session, [executionId = ''], flags) => {
    const { client } = await session.connect();
    const { body } = await client.call(id, {
      params: { execution_id: executionId },
      body: { reason: required(flags, 'reason') },
      idempotencyKey: randomUUID(),
      signal: session.signal,
    });
    accepted(session, body);
  };
}
export const cancelExecution = control('cancelExecution');
export const resumeExecution = control('resumeExecution');

export const resolveStep: Action = async (session, [executionId = '', stepId = ''], flags) => {
  const outcome = required(flags, 'outcome');
  if (outcome !== 'done' && outcome !== 'not_done')
    throw new AppError('invalid_input', `--outcome ${outcome} is neither done nor not_done.`);
  const { client } = await session.connect();
  const { body } = await client.call('resolveStep', {
    params: { execution_id: executionId, step_id: stepId },
    body: { outcome, reason: required(flags, 'reason') },
    idempotencyKey: randomUUID(),
    signal: session.signal,
  });
  accepted(session, body);
};

export function accepted(session: Session, execution: ExecutionView['execution']): void {
  session.out.one(execution, execution.execution_id, () => [
    `Accepted; ${execution.execution_id} is ${execution.status}${execution.status_reason === '' ? '' : `: ${displayText(execution.status_reason)}`}.`,
  ]);
  session.out.note(`Next: assistantctl exec watch ${execution.execution_id}`);
}
