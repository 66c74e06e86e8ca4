import type { PlanTemplateSource } from '../plan-template.ts';
import { defineWorkflow } from '../workflow.ts';
import { GitopsInput as Input } from './gitops-input.ts';
import { requestParts, requestText } from './gitops-request.ts';
import type { RequestParts } from './gitops-request.ts';
import { metricParts } from './metric-parts.ts';

type Step = PlanTemplateSource['steps'][number];
type Check = NonNullable<Step['verify']>[number];

/** One value in Git, and Argo CD's sync to exactly that commit; both are taken back when the application isn't well. */
export const gitopsDeploy = defineWorkflow({
  name: 'gitops-deploy',
  title:
    'Changes one value in Git and syncs it with Argo CD; both are taken back when it does not become healthy',
  version: 2,
  input: Input,
  about: ({ service }) => ({ service: service ?? null }),
  draft,
});

function draft(input: Input): PlanTemplateSource {
  const metric = metricParts(input.metric, 'sync');
  const request = requestParts(input);
  return {
    summary: 'Set {pointer} of {file} to {value} on {branch} of {repository}, and sync {app} to it',
    parameters: {
      repository: input.repository,
      branch: input.branch,
      file: input.file,
      pointer: input.pointer,
      value: input.value,
      app: input.application.name,
      ...(input.forge !== undefined && { request_title: requestText(input).title }),
      ...(input.grafana !== undefined && { annotation: annotationOf(input) }),
    },
    reads: [
      { id: 'preview', call: { tool: 'git', action: 'commit_preview', input: previewInput(input) } },
      { id: 'app', call: appNow(input) },
      ...metric.reads,
    ],
    conditions: [...conditionsOf(input), ...metric.conditions],
    steps: inOrder([
      ...metric.before,
      ...request.steps,
      ...annotateSteps(input),
      commitStep(input, request),
      syncStep(input),
      ...metric.after,
    ]),
    max_run: `${input.within_seconds + request.seconds + metric.seconds + 300}s`,
  };
}

/** Each step after the one before it. */
function inOrder(steps: readonly Step[]): Step[] {
  return steps.map((step, index) => {
    const before = steps[index - 1];
    return before === undefined ? step : { ...step, depends_on: [before.id] };
  });
}

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

function conditionsOf({ branch }: Input): NonNullable<PlanTemplateSource['conditions']> {
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

function annotationOf(input: Input): string {
  return `${input.application.name}: ${requestText(input).title}`;
}

/** Comes before the deployment, so that a Grafana which is away stops it instead of taking it back. */
function annotateSteps(input: Input): readonly Step[] {
  const { grafana } = input;
  if (grafana === undefined) return [];
  const text = annotationOf(input);
  const mark = (key: string, words: string) => ({
    tool: 'grafana',
    action: 'annotate',
    input: { ...grafana, key: read(key), tags: ['deployment'], text: words },
  });
  return [
    {
      id: 'annotate',
      title: 'Mark on graphs that the deployment begins',
      call: mark('preview/expected_commit', `Deployment of ${text}`),
      preview: { diff: { $ref: 'parameters.annotation' } },
      rollback: {
        call: mark('preview/undo_commit', `Deployment taken back, ${text}`),
        verify: [
          {
            id: 'taking-back-marked',
            title: 'It is marked on graphs that the deployment was taken back',
            call: {
              tool: 'grafana',
              action: 'annotations',
              input: { ...grafana, key: read('preview/undo_commit') },
            },
            expect: [{ pointer: '/empty', op: 'eq', value: false }],
          },
        ],
      },
    },
  ];
}

function commitStep(input: Input, { preconditions }: RequestParts): Step {
  const resolve = {
    tool: 'git',
    action: 'resolve',
    input: { repository: input.repository, branch: input.branch },
  };
  return {
    id: 'commit',
    title:
      input.forge === undefined
        ? 'Set {pointer} of {file} to {value} and push'
        : 'Move {branch} forward to exactly that commit',
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
      ...preconditions,
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
