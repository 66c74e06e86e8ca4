import { z } from 'zod';
import type { PlanTemplateSource } from '../plan-template.ts';
import { defineWorkflow } from '../workflow.ts';
import { ServiceName } from './input-fields.ts';
import { MetricInput, metricCheck, metricSeconds } from './metric-check.ts';

const dnsName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'lower-case letters, digits, dashes and dots');

const Input = z.strictObject({
  repository: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'a repository of connectors.git')
    .describe('The repository as connectors.git names it'),
  branch: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/, 'the name of a branch')
    .default('main')
    .describe('The branch that the application follows'),
  file: z
    .string()
    .max(500)
    .regex(/^[^\p{Cc}/:-][^\p{Cc}]*\.(ya?ml|json)$/u, 'a YAML or JSON file inside the repository')
    .describe('The file whose value says what is deployed, such as shop/values.yaml'),
  pointer: z
    .string()
    .max(500)
    .regex(/^(\/([^/~\p{Cc}]|~[01])+)+$/u, 'a JSON pointer such as /image/tag')
    .describe('Where in the file the value stands, as a JSON pointer such as /image/tag'),
  value: z
    .union([
      z
        .string()
        .max(2000)
        .regex(/^[^\p{Cc}]*$/u, 'one line of text'),
      z.number(),
      z.boolean(),
    ])
    .describe('The value to set, such as the tag of an image'),
  application: z
    .strictObject({
      instance: z
        .string()
        .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'an instance of connectors.argocd')
        .describe('The Argo CD as connectors.argocd names it'),
      project: dnsName.default('default').describe('The project of the application'),
      name: dnsName.describe('The name of the application'),
    })
    .describe('What Argo CD deploys from the repository'),
  service: ServiceName.optional(),
  healthy_for_seconds: z
    .int()
    .min(2)
    .max(600)
    .default(10)
    .describe('How long the application must be seen healthy without a break'),
  within_seconds: z
    .int()
    .min(10)
    .max(1200)
    .default(300)
    .describe('How long it may take until then; afterwards everything is taken back'),
  metric: MetricInput.optional(),
});
type Input = z.infer<typeof Input>;
type Step = PlanTemplateSource['steps'][number];
type Check = NonNullable<Step['verify']>[number];

/** One value in Git, and Argo CD's sync to exactly that commit; both are taken back when the application isn't well. */
export const gitopsDeploy = defineWorkflow({
  name: 'gitops-deploy',
  title:
    'Changes one value in Git and syncs it with Argo CD; both are taken back when it does not become healthy',
  version: 1,
  input: Input,
  about: ({ service }) => ({ service: service ?? null }),
  draft: (input) => ({
    summary: 'Set {pointer} of {file} to {value} on {branch} of {repository}, and sync {app} to it',
    parameters: {
      repository: input.repository,
      branch: input.branch,
      file: input.file,
      pointer: input.pointer,
      value: input.value,
      app: input.application.name,
    },
    reads: [
      { id: 'preview', call: { tool: 'git', action: 'commit_preview', input: previewInput(input) } },
      { id: 'app', call: appNow(input) },
    ],
    conditions: conditionsOf(input),
    steps: [commitStep(input), syncStep(input)],
    checks: input.metric === undefined ? [] : [metricCheck(input.metric)],
    max_run: `${input.within_seconds + metricSeconds(input.metric) + 300}s`,
  }),
});

const read = (pointer: string) => ({ $ref: `reads.${pointer}` });

function previewInput({ repository, branch, file, pointer, value }: Input) {
  return { repository, branch, path: file, pointer, value, date: { $ref: 'plan.created_at' } };
}

function addressOf({ application: { instance, project, name } }: Input) {
  return { instance, project, app: name };
}

/** Argo CD looks at Git and the cluster before it answers. */
function appNow(input: Input) {
  return { tool: 'argocd', action: 'app', input: { ...addressOf(input), refresh: 'normal' } };
}

function conditionsOf({ branch }: Input): PlanTemplateSource['conditions'] {
  const app = (pointer: string, value: string | boolean | ReturnType<typeof read>, otherwise: string) => ({
    of: read(`app/${pointer}`),
    op: 'eq' as const,
    value,
    otherwise,
  });
  return [
    {
      of: read('preview/kind'),
      op: 'eq',
      value: 'committable',
      otherwise: 'the value cannot be set',
      detail: read('preview/detail'),
    },
    app(
      'automated',
      false,
      'Argo CD syncs the application by itself, so that no plan can hold it to one commit',
    ),
    app('from_one_repository', true, 'the application is not made from one Git repository'),
    app('sources/0/target_revision', branch, 'the application does not follow that branch by its name'),
    app('operating', false, 'the application is in another operation'),
    app(
      'sync/status',
      'Synced',
      'the application is not what its branch says, so that there is no way back to it',
    ),
    app(
      'sync/revision',
      read('preview/base_revision'),
      'the application and the repository are not at the same commit',
    ),
    app('health/status', 'Healthy', 'the application is not healthy, so that a deployment proves nothing'),
  ];
}

function commitStep(input: Input): Step {
  const resolve = {
    tool: 'git',
    action: 'resolve',
    input: { repository: input.repository, branch: input.branch },
  };
  return {
    id: 'commit',
    title: 'Set {pointer} of {file} to {value} and push',
    call: { tool: 'git', action: 'commit', input: read('preview/forward') },
    preview: { diff: read('preview/diff'), truncated: read('preview/diff_truncated') },
    preconditions: [
      {
        id: 'branch-unmoved',
        title: 'The branch is where the preview was computed',
        call: resolve,
        expect: [{ pointer: '/revision', op: 'eq', value: read('preview/base_revision') }],
      },
      {
        id: 'app-rests',
        title: '{app} is in no operation, and is what the branch says',
        call: appNow(input),
        expect: [
          { pointer: '/uid', op: 'eq', value: read('app/uid') },
          { pointer: '/operating', op: 'eq', value: false },
          { pointer: '/sync/status', op: 'eq', value: 'Synced' },
          { pointer: '/sync/revision', op: 'eq', value: read('preview/base_revision') },
        ],
      },
    ],
    verify: [
      {
        id: 'commit-is-tip',
        title: 'The branch is at exactly the commit that was approved',
        call: resolve,
        expect: [{ pointer: '/revision', op: 'eq', value: read('preview/expected_commit') }],
      },
    ],
    rollback: {
      call: { tool: 'git', action: 'revert', input: read('preview/undo') },
      verify: [
        {
          id: 'tree-restored',
          title: 'The branch holds the very files it held before',
          call: resolve,
          expect: [{ pointer: '/tree', op: 'eq', value: read('preview/base_tree') }],
        },
        {
          ...well(input, 'app-restored', '{app} is what the branch says again, and healthy'),
          expect: [
            { pointer: '/sync/status', op: 'eq', value: 'Synced' },
            { pointer: '/sync/revision', op: 'eq', value: read('preview/undo_commit') },
            { pointer: '/health/status', op: 'eq', value: 'Healthy' },
          ],
        },
      ],
    },
  };
}

function syncStep(input: Input): Step {
  const sync = (revision: string) => ({
    tool: 'argocd',
    action: 'sync',
    input: {
      ...addressOf(input),
      uid: read('app/uid'),
      revision: read(revision),
      prune: false,
      namespaces: read('app/namespaces'),
      last_operation_at: read('app/last_operation_at'),
    },
  });
  const synced = (revision: string) => [
    { pointer: '/operation/phase', op: 'eq' as const, value: 'Succeeded' },
    { pointer: '/operation/revision', op: 'eq' as const, value: read(revision) },
    { pointer: '/health/status', op: 'eq' as const, value: 'Healthy' },
  ];
  return {
    id: 'sync',
    title: 'Sync {app} to exactly that commit',
    depends_on: ['commit'],
    call: sync('preview/expected_commit'),
    // What a sync brings is what the commit changes.
    preview: { diff: read('preview/diff'), truncated: read('preview/diff_truncated') },
    retry: { attempts: 5, backoff: '5s', on: ['transient', 'throttled', 'conflict'] },
    verify: [
      {
        ...well(input, 'deployed', '{app} was synced to exactly that commit, and stays healthy'),
        expect: [
          ...synced('preview/expected_commit'),
          { pointer: '/sync/status', op: 'eq', value: 'Synced' },
          { pointer: '/sync/revision', op: 'eq', value: read('preview/expected_commit') },
        ],
      },
    ],
    rollback: {
      call: sync('preview/base_revision'),
      verify: [
        {
          ...well(input, 'synced-back', '{app} was synced to the commit of before, and is healthy'),
          // The branch still has our commit, so that it is not yet what the branch says.
          expect: synced('preview/base_revision'),
        },
      ],
    },
  };
}

function well(input: Input, id: string, title: string): Omit<Check, 'expect'> {
  const interval = Math.max(2, Math.ceil(input.healthy_for_seconds / 50));
  const required = Math.ceil(input.healthy_for_seconds / interval) + 1;
  return {
    id,
    title,
    call: appNow(input),
    samples: { required, interval: `${interval}s`, within: `${input.within_seconds}s` },
  };
}
