import type { Command, Family } from './command.ts';
import { PAGES, REASON } from './options.ts';

const schedules = () => import('./schedules.ts');
const writing = () => import('./schedule-writes.ts');

const NOTE = ['--note <text>', 'why; shown with the schedule and in the audit trail'] as const;
const DEFINITION: NonNullable<Command['options']> = [
  ['--time-zone <zone>', 'IANA name, e.g. Europe/Berlin; UTC without it'],
  ['-f, --input <file>', "the workflow's input, as YAML or JSON"],
  ['--set <field=value...>', 'one field of the input, more than once for more, e.g. replicas=5'],
  ['--jitter <seconds>', 'each firing comes up to so much after its time'],
  ['--overlap <policy>', 'while an earlier plan has not ended: skip, buffer_one or allow_all'],
  ['--window <seconds>', 'how long after its time a firing may still begin'],
  ['--catch-up <which>', 'of several missed times in the window: one (the last) or all'],
  ['--start <instant>', 'no time before it, e.g. 2026-12-01T00:00:00Z; none takes it away'],
  ['--end <instant>', 'no time from it on; none takes it away'],
];

/** `assistantctl schedule`: named workflows whose plans are made at times. */
export const SCHEDULE_FAMILY: Family = {
  name: 'schedule',
  summary: 'named workflows whose plans are made at times',
  commands: [
    {
      name: 'list',
      summary: 'schedules, newest first, with their next and last times',
      options: PAGES,
      examples: ['list', 'list -o name'],
      load: async () => (await schedules()).listSchedules,
    },
    {
      name: 'show',
      args: '<schedule>',
      summary: 'one schedule: what it does, its next times, what became of the last ones',
      options: [['-n, --limit <number>', 'how many firings at most, 1 to 200', '20']],
      examples: ['show evening-scale', 'show evening-scale -n 100 -o json'],
      load: async () => (await schedules()).showSchedule,
    },
    {
      name: 'create',
      args: '<schedule>',
      summary: 'have the plan of a workflow made at times; each plan waits for what policy asks',
      required: [
        ['--workflow <name>', 'which workflow'],
        ['--cron <expression>', 'minute, hour, day of month, month, day of week, e.g. "0 22 * * mon-fri"'],
        ['-r, --reason <text>', 'why; people see it beside each plan'],
      ],
      options: DEFINITION,
      examples: [
        'create evening-scale --workflow scale-service --cron "0 22 * * mon-fri" --time-zone Europe/Berlin -f scale.yaml --reason "less traffic at night"',
      ],
      load: async () => (await writing()).createSchedule,
    },
    {
      name: 'update',
      args: '<schedule>',
      summary: 'change what is given; whoever does it can approve its plans no more',
      options: [
        ['--workflow <name>', 'which workflow'],
        ['--cron <expression>', 'five fields'],
        ['-r, --reason <text>', 'why; people see it beside each plan'],
        ...DEFINITION,
      ],
      examples: ['update evening-scale --cron "30 22 * * *"', 'update evening-scale --set replicas=3'],
      load: async () => (await writing()).updateSchedule,
    },
    {
      name: 'pause',
      args: '<schedule>',
      summary: 'let its times pass until it is resumed',
      required: [NOTE],
      examples: ['pause evening-scale --note "sale until Friday"'],
      load: async () => (await writing()).pauseSchedule,
    },
    {
      name: 'resume',
      args: '<schedule>',
      summary: 'let it fire again, from now on',
      required: [NOTE],
      examples: ['resume evening-scale --note "the sale is over"'],
      load: async () => (await writing()).resumeSchedule,
    },
    {
      name: 'trigger',
      args: '<schedule>',
      summary: 'fire it now, paused or not',
      required: [REASON],
      examples: ['trigger evening-scale --reason "traffic is low already"'],
      load: async () => (await writing()).triggerSchedule,
    },
    {
      name: 'backfill',
      args: '<schedule>',
      summary: 'fire its times in [from, to) that have made no plan',
      required: [
        ['--from <instant>', 'the first instant, e.g. 2026-11-20T00:00:00Z'],
        ['--to <instant>', 'the instant after the last'],
        REASON,
      ],
      examples: [
        'backfill evening-scale --from 2026-11-20T00:00:00Z --to 2026-11-22T00:00:00Z --reason "it was paused"',
      ],
      load: async () => (await writing()).backfillSchedule,
    },
    {
      name: 'delete',
      args: '<schedule>',
      summary: 'remove it; plans that it made go on',
      required: [REASON],
      examples: ['delete evening-scale --reason "the autoscaler does it"'],
      load: async () => (await writing()).deleteSchedule,
    },
  ],
};
