import type { Family } from './command.ts';
import { PAGES, REASON } from './options.ts';

const executions = () => import('./executions.ts');
const steering = () => import('./steering.ts');

/** What runs and what ran, and a person's hand on it. */
export const EXEC_FAMILY: Family = {
  name: 'exec',
  summary: 'executions: what runs and what ran',
  commands: [
    {
      name: 'list',
      summary: 'executions, newest first',
      options: PAGES,
      examples: ['list', 'list -n 5 -o wide'],
      load: async () => (await executions()).listExecutions,
    },
    {
      name: 'show',
      args: '<execution>',
      summary: 'steps, checks and evidence of a run',
      options: [['--as-commands', 'print what is left to do and to undo, as you would paste it']],
      examples: ['show ex_01…', 'show ex_01… -o wide', 'show ex_01… --as-commands'],
      load: async () => (await executions()).showExecution,
    },
    {
      name: 'watch',
      args: '<execution>',
      summary: 'follow a run to its end; the exit status tells how it ended',
      examples: ['watch ex_01…', 'watch ex_01… --timeout 10m'],
      load: async () => (await executions()).watchExecution,
    },
    {
      name: 'logs',
      args: '<execution>',
      summary: 'the log of a run',
      options: [['-f, --follow', 'stay until the run ends, across restarts of the server']],
      examples: ['logs ex_01…', 'logs ex_01… --follow'],
      load: async () => (await executions()).executionLogs,
    },
    {
      name: 'history',
      args: '<execution>',
      summary: 'what the run was given, heard and answered, as JSON for `carapulse workflow replay`',
      examples: ['history ex_01… > run.json'],
      load: async () => (await executions()).executionHistory,
    },
    {
      name: 'cancel',
      args: '<execution>',
      summary: 'stop a run; what it wrote is undone',
      required: [REASON],
      examples: ['cancel ex_01… --reason "wrong moment"'],
      load: async () => (await executions()).cancelExecution,
    },
    {
      name: 'rollback',
      args: '<execution>',
      summary: 'stop a run and undo what it wrote; the same as cancel',
      required: [REASON],
      examples: ['rollback ex_01… --reason "b failed and will not work today"'],
      load: async () => (await executions()).cancelExecution,
    },
    {
      name: 'pause',
      args: '<execution>',
      summary: 'start nothing more; if what is under way fails, you decide what follows',
      required: [REASON],
      examples: ['pause ex_01… --reason "latency rises, I look first"'],
      load: async () => (await steering()).pauseExecution,
    },
    {
      name: 'retry',
      args: '<execution>',
      summary: 'one more attempt at a step that failed, or at an undo',
      required: [['--step <step>', 'the step'], REASON],
      examples: ['retry ex_01… --step push --reason "the remote answers again"'],
      load: async () => (await steering()).retryStep,
    },
    {
      name: 'skip',
      args: '<execution>',
      summary: 'declare a step that has not run, or an inconclusive check, done by your word',
      options: [
        ['--step <step>', 'a step, or its inconclusive check'],
        ['--check <check>', 'an inconclusive check of the end of the plan'],
      ],
      required: [REASON],
      examples: [
        'skip ex_01… --step notify --reason "told them by phone"',
        'skip ex_01… --check healthy --reason "Prometheus is down, I looked by hand"',
      ],
      load: async () => (await steering()).skipStep,
    },
    {
      name: 'takeover',
      args: '<execution>',
      summary: 'take a run over by hand; nothing starts any more, forward or back',
      required: [REASON],
      options: [['--as-commands', 'print what is left to do and to undo, as you would paste it']],
      examples: ['takeover ex_01… --reason "the rollback makes it worse" --as-commands'],
      load: async () => (await steering()).takeoverExecution,
    },
    {
      name: 'handback',
      args: '<execution>',
      summary: 'give a run that was taken over back; it goes on from where it was',
      required: [REASON],
      examples: ['handback ex_01… --reason "the disk is mounted again"'],
      load: async () => (await steering()).handbackExecution,
    },
    {
      name: 'finish',
      args: '<execution>',
      summary: 'end a run that was taken over, as you say it ended',
      required: [['--as <end>', 'succeeded, rolled_back or failed'], REASON],
      examples: ['finish ex_01… --as rolled_back --reason "reverted by hand, commit 4f1c"'],
      load: async () => (await steering()).finishExecution,
    },
    {
      name: 'resume',
      args: '<execution>',
      summary: 'let a run that is paused, halted or parked go on',
      required: [REASON],
      examples: ['resume ex_01… --reason "git answers again"'],
      load: async () => (await executions()).resumeExecution,
    },
    {
      name: 'resolve',
      args: '<execution> <step>',
      summary: 'say what became of a step whose outcome is unknown',
      required: [['--outcome <outcome>', 'done or not_done'], REASON],
      examples: ['resolve ex_01… revert --outcome done --reason "the commit is on main"'],
      load: async () => (await executions()).resolveStep,
    },
  ],
};
