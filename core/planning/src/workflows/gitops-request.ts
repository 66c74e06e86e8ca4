import type { PlanTemplateSource } from '../plan-template.ts';
import type { Forge, GitopsInput } from './gitops-input.ts';

type Step = PlanTemplateSource['steps'][number];
type Check = NonNullable<Step['verify']>[number];

const preview = (pointer: string) => ({ $ref: `reads.preview/${pointer}` });

/** What a deployment through a request adds: steps before the commit gets onto its branch, and what it asks before. */
export interface RequestParts {
  readonly steps: readonly Step[];
  readonly preconditions: readonly Check[];
  /** How long all of it may take. */
  readonly seconds: number;
}

/**
 * The commit on a branch of its own, and a request of that branch whose checks pass. The request is merged by nobody: the
 * commit itself gets onto the branch afterwards, by which the forge sees it merged.
 */
export function requestParts(input: GitopsInput): RequestParts {
  const { forge } = input;
  if (forge === undefined) return { steps: [], preconditions: [], seconds: 0 };
  const open = openCheck(forge, input);
  return {
    steps: [proposeStep(input), requestStep(forge, input, open)],
    preconditions: [{ ...open, id: 'request-still-open', title: 'Nobody has closed or changed the request' }],
    seconds: forge.await_checks ? forge.checks_within_seconds + 180 : 180,
  };
}

function proposeStep({ repository }: GitopsInput): Step {
  const commit = { repository, commit: preview('expected_commit') };
  const found = (id: string, title: string, state: string): Check => ({
    id,
    title,
    call: { tool: 'git', action: 'proposal', input: commit },
    expect: [{ pointer: '/state', op: 'eq', value: state }],
  });
  return {
    id: 'propose',
    title: 'Push the commit on a branch of its own',
    call: { tool: 'git', action: 'propose', input: preview('forward') },
    preview: { diff: preview('diff'), truncated: preview('diff_truncated') },
    verify: [found('proposed', 'Its branch is at exactly the commit that was approved', 'proposed')],
    rollback: {
      call: { tool: 'git', action: 'withdraw', input: commit },
      verify: [found('withdrawn', 'Its branch is gone', 'absent')],
    },
  };
}

function requestStep(forge: Forge, input: GitopsInput, open: Check): Step {
  const { title, body } = requestText(input);
  const { branch } = input;
  const place = placeOf(forge);
  const key = preview('expected_commit');
  const text = { title, body };
  const names = NAMES[forge.kind];
  return {
    id: 'request',
    title: `Open a ${names.request}; its checks must pass`,
    call: {
      tool: forge.kind,
      action: names.create,
      input: { ...place, key, [names.from]: preview('proposed_branch'), [names.to]: branch, ...text },
    },
    preview: { diff: { $ref: 'parameters.request_title' } },
    verify: [open, ...(forge.await_checks ? [checksCheck(forge)] : [])],
    rollback: {
      call: {
        tool: forge.kind,
        action: names.close,
        input: { ...place, key, [names.from]: preview('proposed_branch'), if_merged: 'leave' },
      },
      verify: [
        {
          id: 'request-closed',
          title: `The ${names.request} isn't open any more`,
          call: {
            tool: forge.kind,
            action: names.list,
            input: { ...requestsOf(forge, branch), state: names.open },
          },
          expect: [{ pointer: '/empty', op: 'eq', value: true }],
        },
      ],
    },
  };
}

const NAMES = {
  gh: {
    request: 'pull request',
    create: 'create_pull_request',
    close: 'close_pull_request',
    list: 'pull_requests',
    from: 'head',
    to: 'base',
    open: 'open',
  },
  glab: {
    request: 'merge request',
    create: 'create_merge_request',
    close: 'close_merge_request',
    list: 'merge_requests',
    from: 'source',
    to: 'target',
    open: 'opened',
  },
} as const;

function placeOf({ instance, repository }: Forge) {
  return { instance, repository };
}

function requestsOf(forge: Forge, branch: string) {
  const { from, to } = NAMES[forge.kind];
  return { ...placeOf(forge), [from]: preview('proposed_branch'), [to]: branch };
}

/** The newest request of the commit's branch. */
function openCheck(forge: Forge, { branch }: GitopsInput): Check {
  const { request, list, from, open } = NAMES[forge.kind];
  const first = `/${list}/0`;
  return {
    id: 'request-open',
    title: `The ${request} is open, of exactly the commit that was approved`,
    call: { tool: forge.kind, action: list, input: { ...requestsOf(forge, branch), state: 'all' } },
    expect: [
      { pointer: `${first}/state`, op: 'eq', value: open },
      { pointer: `${first}/${from}/sha`, op: 'eq', value: preview('expected_commit') },
    ],
  };
}

/** None having run is no passing; one that failed may be run again until the time is over. */
function checksCheck(forge: Forge): Check {
  const { checks_within_seconds: within } = forge;
  const commit = preview('expected_commit');
  const request =
    forge.kind === 'gh' ? {} : { source: preview('proposed_branch'), key: preview('expected_commit') };
  const required = forge.kind === 'gh' ? forge.required_checks : [];
  return {
    id: 'forge-checks',
    title: 'The checks of the forge have passed on that commit',
    call: { tool: forge.kind, action: 'checks', input: { ...placeOf(forge), ...request, sha: commit } },
    expect: [
      { pointer: '/passed', op: 'eq', value: true },
      ...required.map((name) => ({
        pointer: '/checks',
        op: 'contains' as const,
        value: { name, status: 'completed', conclusion: 'success' },
      })),
    ],
    // Checks appear one after the other: what is seen once may not be all.
    samples: { required: 3, interval: `${Math.max(1, Math.ceil(within / 60))}s`, within: `${within}s` },
  };
}

/** What people read in the forge. The title begins with our words, whatever the value is. */
export function requestText({ pointer, file, value, application }: GitopsInput) {
  const title = `Set ${pointer} of ${file} to ${JSON.stringify(value)}`;
  const body = [
    `One value is changed, and ${application.name} is synced to it.`,
    'The commit gets onto the branch as it is once its checks have passed; closing this stops it.',
  ].join('\n\n');
  return { title: title.length <= 200 ? title : `${title.slice(0, 199).toWellFormed()}…`, body };
}
