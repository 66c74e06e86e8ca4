import type { Family } from './command.ts';

const workflows = () => import('./workflows.ts');

/** `assistantctl workflow`: named workflows, each a maker of plans. */
export const WORKFLOW_FAMILY: Family = {
  name: 'workflow',
  summary: 'named workflows: plans made from a few typed values',
  commands: [
    {
      name: 'list',
      summary: 'all named workflows',
      examples: ['list', 'list -o name'],
      load: async () => (await workflows()).listWorkflows,
    },
    {
      name: 'show',
      args: '<workflow>',
      summary: 'what a workflow takes',
      examples: ['show scale-service', 'show scale-service -o json'],
      load: async () => (await workflows()).showWorkflow,
    },
    {
      name: 'start',
      args: '<workflow>',
      summary: 'make its plan, which then waits for approval; nothing is changed yet',
      required: [['-r, --reason <text>', 'why; people see it beside the plan']],
      options: [
        ['-f, --input <file>', 'the input, as YAML or JSON'],
        ['--set <field=value...>', 'one field of the input, more than once for more, e.g. replicas=5'],
      ],
      examples: [
        'start revert-commit --set repository=shop --set commit=3f2a… --reason "it broke checkout"',
        'start scale-service -f scale.yaml --set replicas=5 --reason "sale at noon"',
      ],
      load: async () => (await workflows()).startWorkflow,
    },
  ],
};
