import type { Api } from '@carapulse/client-http';
import { displayText } from '@carapulse/plan';
import { age } from '../output/age.ts';
import { toneOf } from '../output/paint.ts';
import type { Session } from '../session/session.ts';
import type { Action } from './command.ts';
import { nextPage, pageQuery } from './pages.ts';

export type ScheduleView = Api['getSchedule']['response'];
type FiringView = ScheduleView['firings'][number];

export const listSchedules: Action = async (session, _args, flags) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('listSchedules', { query: pageQuery(flags), signal: session.signal });
  const now = session.nowMs();
  session.out.list(body, body.items, {
    name: ({ schedule }) => schedule.name,
    empty: 'No schedules. `assistantctl schedule create` makes one.',
    columns: [
      { title: 'SCHEDULE', value: ({ schedule }) => schedule.name },
      {
        title: 'STATUS',
        value: stateOf,
        tone: (view) => toneOf(stateOf(view)),
      },
      { title: 'CRON', value: ({ schedule }) => schedule.definition.cron },
      { title: 'ZONE', value: ({ schedule }) => schedule.definition.time_zone },
      { title: 'WORKFLOW', value: ({ schedule }) => schedule.definition.workflow },
      { title: 'NEXT', value: ({ upcoming }) => age(upcoming[0]?.due_at ?? null, now) },
      {
        title: 'LAST',
        value: ({ firings: [last] }) =>
          last === undefined ? '-' : `${becameOf(last)} ${age(last.until_at, now)}`,
        tone: ({ firings: [last] }) => (last === undefined ? null : toneOf(becameOf(last))),
      },
      { title: 'PLAN', value: ({ firings: [last] }) => last?.plan_id ?? '-' },
      { title: 'AUTHORS', value: ({ schedule }) => schedule.authors.join(' '), wide: true },
    ],
  });
  nextPage(session, body);
};

export const showSchedule: Action = async (session, [name = ''], flags) => {
  const { limit } = pageQuery(flags);
  const view = await getSchedule(session, name, limit);
  printSchedule(session, view);
};

export async function getSchedule(session: Session, name: string, firings: number): Promise<ScheduleView> {
  const { client } = await session.connect('read');
  const query = { firings };
  return (await client.call('getSchedule', { params: { name }, query, signal: session.signal })).body;
}

export function printSchedule(session: Session, view: ScheduleView): void {
  const { schedule, upcoming, firings } = view;
  const { definition, paused } = schedule;
  const now = session.nowMs();
  const row = (label: string, text: string): string => `${label.padEnd(12)}${displayText(text)}`;
  const bounds = [
    ...(definition.start_at === null ? [] : [`from ${definition.start_at}`]),
    ...(definition.end_at === null ? [] : [`until ${definition.end_at}`]),
  ].join(' ');
  session.out.one(view, schedule.name, () => [
    row(
      'Schedule',
      `${schedule.name}  [${stateOf(view)}]  revision ${schedule.revision}, ${schedule.schedule_id}`,
    ),
    ...(paused === null ? [] : [row('Paused', `by ${paused.by}: ${paused.note}`)]),
    row('Reason', definition.reason),
    row(
      'When',
      [`${definition.cron} in ${definition.time_zone}`, bounds].filter((text) => text !== '').join(', '),
    ),
    row('Workflow', `${definition.workflow} ${JSON.stringify(definition.input)}`),
    row(
      'How',
      `overlap ${definition.overlap}, window ${definition.catch_up_window_s} s, catch up ${definition.catch_up}, jitter ${definition.jitter_s} s`,
    ),
    row('Authors', `${schedule.authors.join(', ')}; they can't approve its plans`),
    ...(upcoming.length === 0 ? [row('Next', paused === null ? 'no time' : 'none while it is paused')] : []),
    ...upcoming.map(({ due_at }, index) => row(index === 0 ? 'Next' : '', `${due_at} (${age(due_at, now)})`)),
    ...(firings.length === 0 ? [] : ['', ...session.out.table(firings, FIRING_COLUMNS)]),
  ]);
}

const FIRING_COLUMNS = [
  { title: 'TIME', value: timesOf },
  { title: 'CAUSE', value: ({ cause }: FiringView) => cause },
  { title: 'OUTCOME', value: becameOf, tone: (firing: FiringView) => toneOf(becameOf(firing)) },
  { title: 'PLAN', value: ({ plan_id }: FiringView) => plan_id ?? '-' },
  { title: 'WHY', value: ({ reason }: FiringView) => reason || '-' },
];

function timesOf({ nominal_at, until_at, count }: FiringView): string {
  return count === 1 ? nominal_at : `${nominal_at} to ${until_at} (${count})`;
}

/** What became of a firing: of its plan once there is one. */
function becameOf({ status, plan_status }: FiringView): string {
  return plan_status ?? status;
}

function stateOf({ schedule, upcoming }: ScheduleView): string {
  if (schedule.paused !== null) return 'paused';
  return upcoming.length === 0 ? 'ended' : 'active';
}
