import type { Command, Entry } from './command.ts';
import { EXEC_FAMILY } from './exec-family.ts';
import { PAGES as pages, REASON as reason } from './options.ts';
import { SCHEDULE_FAMILY } from './schedule-family.ts';
import { WORKFLOW_FAMILY } from './workflow-family.ts';

const plans = () => import('./plans.ts');
const approvals = () => import('./approvals.ts');
const incidents = () => import('./incidents.ts');
const playbooks = () => import('./playbooks.ts');
const policy = () => import('./policy.ts');
const audit = () => import('./audit.ts');
const system = () => import('./system.ts');
const config = () => import('./config.ts');

const decide = [
  ['--comment <text>', 'a word with the decision'],
  ['-y, --yes', 'do not ask'],
] as const;

const approve: Command = {
  name: 'approve',
  args: '<plan>',
  summary: 'show the card of a plan, ask, and approve it with your own key',
  options: decide,
  examples: ['approve pl_01…', 'approve pl_01… --yes --comment "seen the diff"'],
  load: async () => (await approvals()).approve,
};
const deny: Command = {
  name: 'deny',
  args: '<plan>',
  summary: 'deny a plan; one denial is enough',
  options: decide,
  examples: ['deny pl_01… --yes --comment "wrong commit"'],
  load: async () => (await approvals()).deny,
};

/** Everything that `assistantctl` can do. */
export const FAMILIES: readonly Entry[] = [
  {
    name: 'plan',
    summary: 'plans: what would be done, and whether it may',
    commands: [
      {
        name: 'list',
        summary: 'plans, newest first',
        options: [
          ['--status <status>', 'only plans with this status, e.g. awaiting_approval'],
          ['--incident <id>', 'only plans for this incident'],
          ...pages,
        ],
        examples: ['list', 'list --status awaiting_approval -o name'],
        load: async () => (await plans()).listPlans,
      },
      {
        name: 'show',
        args: '<plan>',
        summary: 'the card of a plan, its decisions and what to type next',
        options: [['--commands', 'also what one could type by hand']],
        examples: ['show pl_01…', 'show pl_01… -o yaml'],
        load: async () => (await plans()).showPlan,
      },
      {
        name: 'create',
        summary: 'make a plan from a playbook for an incident',
        required: [
          ['--playbook <name>', 'which playbook'],
          ['--incident <id>', 'for which incident'],
        ],
        examples: ['create --playbook revert-bad-commit --incident inc_01…'],
        load: async () => (await plans()).createPlan,
      },
      approve,
      deny,
      {
        name: 'cancel',
        args: '<plan>',
        summary: 'give up a plan that has not started',
        required: [reason],
        examples: ['cancel pl_01… --reason "fixed by hand"'],
        load: async () => (await plans()).cancelPlan,
      },
      {
        name: 'release',
        args: '<plan>',
        summary: 'let a held plan wait for approval again',
        required: [reason],
        examples: ['release pl_01… --reason "it fires again"'],
        load: async () => (await plans()).releasePlan,
      },
      {
        name: 'break-glass',
        args: '<plan>',
        summary: 'carry a plan out without its approvers: people only, audited, reviewed afterwards',
        required: [['--incident <id>', 'the incident that cannot wait'], reason],
        options: [['-y, --yes', 'do not ask']],
        examples: ['break-glass pl_01… --incident inc_01… --reason "checkout is down, nobody answers"'],
        load: async () => (await approvals()).breakGlass,
      },
      {
        name: 'diff',
        args: '<plan> [other]',
        summary: 'what the writes of a plan change; with two plans, where they differ',
        options: [['--detailed-exitcode', 'exit 2 when there are differences']],
        examples: ['diff pl_01…', 'diff pl_01… pl_02… --detailed-exitcode'],
        load: async () => (await plans()).diffPlan,
      },
    ],
  },
  {
    name: 'approval',
    summary: 'decisions about plans',
    commands: [
      {
        name: 'list',
        args: '[plan]',
        summary: 'plans that wait for a decision; with a plan, what was decided about it',
        examples: ['list', 'list pl_01…'],
        load: async () => (await approvals()).listApprovals,
      },
      approve,
      deny,
      {
        name: 'revoke',
        args: '<plan> <approval>',
        summary: 'take an approval back; steps that have not started do not start',
        required: [reason],
        examples: ['revoke pl_01… ap_01… --reason "freeze announced"'],
        load: async () => (await approvals()).revokeApproval,
      },
      {
        name: 'watch',
        summary: 'tell of each plan that waits for a decision, until Ctrl-C or --timeout',
        examples: ['watch', 'watch --timeout 10m -o name'],
        load: async () => (await approvals()).watchApprovals,
      },
    ],
  },
  EXEC_FAMILY,
  {
    name: 'incident',
    summary: 'incidents and their investigations',
    commands: [
      {
        name: 'list',
        summary: 'incidents, newest first',
        options: [['--status <status>', 'only incidents with this status, e.g. open'], ...pages],
        examples: ['list', 'list --status open'],
        load: async () => (await incidents()).listIncidents,
      },
      {
        name: 'show',
        args: '<incident>',
        summary: 'alerts, findings, what was excluded, matched playbooks',
        examples: ['show inc_01…'],
        load: async () => (await incidents()).showIncident,
      },
      {
        name: 'investigate',
        args: '<incident>',
        summary: 'look into an incident again',
        required: [reason],
        examples: ['investigate inc_01… --reason "more logs now"'],
        load: async () => (await incidents()).investigateIncident,
      },
      {
        name: 'close',
        args: '<incident>',
        summary: 'close an incident for good',
        required: [reason],
        examples: ['close inc_01… --reason "false alarm"'],
        load: async () => (await incidents()).closeIncident,
      },
    ],
  },
  WORKFLOW_FAMILY,
  SCHEDULE_FAMILY,
  {
    name: 'playbook',
    summary: 'playbooks: how plans are made',
    commands: [
      {
        name: 'list',
        summary: 'all playbooks',
        examples: ['list', 'list -o name'],
        load: async () => (await playbooks()).listPlaybooks,
      },
      {
        name: 'show',
        args: '<name>',
        summary: 'one playbook, as YAML',
        examples: ['show revert-bad-commit'],
        load: async () => (await playbooks()).showPlaybook,
      },
      {
        name: 'put',
        args: '<file>',
        summary: 'add or replace a playbook',
        examples: ['put playbooks/restart-worker.yaml'],
        load: async () => (await playbooks()).putPlaybook,
      },
      {
        name: 'test',
        args: '<file>',
        summary: 'run a playbook against a recorded alert; nothing is called',
        required: [['--case <file>', 'the recorded case']],
        options: [['-c, --config <file>', 'configuration whose `connectors` name the targets']],
        examples: ['test playbooks/revert-bad-commit.yaml --case case.yaml --config carapulse.yaml'],
        load: async () => (await playbooks()).testPlaybookFile,
      },
    ],
  },
  {
    name: 'policy',
    summary: 'rules: test them, and see why they decided as they did',
    commands: [
      {
        name: 'test',
        args: '[directory]',
        summary: 'run the test_ rules of a directory (default: the shipped policies), with coverage',
        options: [['--filter <regexp>', 'only tests whose package.name matches']],
        examples: ['test', 'test policies --filter freeze'],
        load: async () => (await policy()).testPolicy,
      },
      {
        name: 'explain',
        summary: 'why policy decided about a plan as it did, and what it demands',
        required: [['--plan <id>', 'which plan']],
        examples: ['explain --plan pl_01…'],
        load: async () => (await policy()).explainPolicy,
      },
    ],
  },
  {
    name: 'audit',
    summary: 'the audit trail and its proof',
    commands: [
      {
        name: 'list',
        summary: 'the trail, newest first',
        options: [
          ['--action <action>', 'only this action, e.g. approval.decide'],
          ['--actor <id>', 'only what this actor did, e.g. user:alice'],
          ['--subject <id>', 'only what was done to this, e.g. a plan id'],
          ...pages,
        ],
        examples: ['list --action approval.decide', 'list --subject pl_01… -o json'],
        load: async () => (await audit()).listAudit,
      },
      {
        name: 'verify',
        summary: 'prove the trail of the running server; finds edits, gaps, insertions, cuts',
        examples: ['verify'],
        load: async () => (await audit()).verifyAudit,
      },
      {
        name: 'export',
        summary: 'all records, oldest first, one JSON document a line',
        options: [['--to <file>', 'write a new file instead of standard output']],
        examples: ['export --to audit.jsonl'],
        load: async () => (await audit()).exportAudit,
      },
      {
        name: 'receipt',
        summary: 'receipts of runs',
        commands: [
          {
            name: 'verify',
            args: '<file>',
            summary: 'prove a receipt offline: signatures, plan hash, approvals, evidence',
            options: [
              ['--trust <file>', 'trusted public keys (default: trust.json of the installation)'],
              ['--objects <directory>', 'where evidence lies (default: objects of the installation)'],
            ],
            examples: ['verify receipt.json', 'verify receipt.json --trust trust.json --objects ./objects'],
            load: async () => (await audit()).verifyReceiptFile,
          },
        ],
      },
    ],
  },
  {
    name: 'halt',
    summary: 'stop every write, at once; with no server too. `halt --show` only tells what is halted',
    options: [
      ['-s, --scope <scope>', 'an environment, or * for all', '*'],
      ['-r, --reason <text>', 'why; everybody whose write is refused reads it'],
      ['--show', 'change nothing, tell what is halted'],
    ],
    examples: ['--reason "bad deploy, hold everything"', '--scope staging --reason drill', '--show'],
    load: async () => (await system()).halt,
  },
  {
    name: 'resume',
    summary: 'let writes run again',
    options: [['-s, --scope <scope>', 'the scope that was halted', '*']],
    required: [reason],
    examples: ['--reason "understood and fixed"'],
    load: async () => (await system()).resume,
  },
  {
    name: 'status',
    summary: 'whether the server is ready, what is halted, what waits for you',
    examples: ['', '-o json'],
    load: async () => (await system()).status,
  },
  {
    name: 'config',
    summary: 'the configuration file',
    commands: [
      {
        name: 'view',
        summary: 'what is in force: the file with all defaults filled in, secrets masked',
        options: [['-c, --config <file>', 'the configuration (YAML)']],
        examples: ['view', 'view --config carapulse.yaml -o json'],
        load: async () => (await config()).viewConfig,
      },
      {
        name: 'validate',
        args: '<file>',
        summary: 'find every fault of a file, with line, column and suggestion',
        examples: ['validate carapulse.yaml'],
        load: async () => (await config()).validateConfig,
      },
    ],
  },
  {
    name: 'completion',
    summary: 'completion for a shell',
    commands: [
      {
        name: 'bash',
        summary: 'print the script; put `source <(assistantctl completion bash)` into ~/.bashrc',
        examples: ['bash'],
        load: async () => (await import('./completion.ts')).completionBash,
      },
    ],
  },
];
