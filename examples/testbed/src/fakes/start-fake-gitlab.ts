import {
  bearerOf,
  noticePushes,
  pageOf,
  startFakeServer,
  textIn,
  type FakeOrigin,
  type FakeReply,
  type FakeRequest,
  type FakeServer,
  type Handler,
  type Route,
} from './fake-server.ts';

export interface FakeMergeRequest {
  readonly iid: number;
  title: string;
  description: string;
  state: 'opened' | 'closed' | 'merged';
  readonly sourceBranch: string;
  targetBranch: string;
  hasConflicts: boolean;
  /** `unchecked` until GitLab has looked, then for example `mergeable`, `conflict`, `ci_must_pass`, `not_approved`. */
  detailedStatus: string;
  mergeCommit: string | null;
  readonly notes: string[];
}

export interface FakePipeline {
  readonly id: number;
  readonly sha: string;
  readonly status: 'created' | 'pending' | 'running' | 'success' | 'failed' | 'canceled';
}

export interface FakeGitlabProject {
  readonly id: number;
  /** Commits by branch. */
  readonly branches: Map<string, string>;
  readonly mergeRequests: FakeMergeRequest[];
  readonly pipelines: FakePipeline[];
  /** Where its branches are, when a real repository is behind it. */
  readonly origin?: FakeOrigin;
}

export interface FakeGitlab extends FakeServer {
  /** Project access tokens; `reader` may change nothing. */
  readonly tokens: { readonly writer: string; readonly reader: string };
  /** By path, such as `group/name`; an absent one answers 404, as a private one does to strangers. */
  readonly projects: Map<string, FakeGitlabProject>;
  /** The next requests are refused by the rate limit. */
  readonly limitRate: (retryAfterSeconds: number, times: number) => void;
}

const TOKENS = { writer: 'glpat-writer', reader: 'glpat-reader' };
const USER = { id: 1, username: 'carapulse-bot', name: 'Carapulse', state: 'active' };

export function newGitlabProject(
  id: number,
  branches: Readonly<Record<string, string>>,
  origin?: FakeOrigin,
): FakeGitlabProject {
  const project = { id, branches: new Map(Object.entries(branches)), mergeRequests: [], pipelines: [] };
  return origin === undefined ? project : { ...project, origin };
}

/** GitLab's REST API v4 for merge requests and their pipelines; docs.gitlab.com/api. */
export async function startFakeGitlab(): Promise<FakeGitlab> {
  const projects = new Map<string, FakeGitlabProject>();
  let base = '';

  function guard(request: FakeRequest): FakeReply | null {
    const token = request.headers['private-token'] ?? bearerOf(request);
    if (token !== TOKENS.writer && token !== TOKENS.reader) return failure(401, '401 Unauthorized');
    if (request.method === 'GET' || token === TOKENS.writer) return null;
    const body = {
      error: 'insufficient_scope',
      error_description: 'The request requires higher privileges than provided by the access token.',
      scope: 'api',
    };
    return { status: 403, body };
  }

  /** A route below `/api/v4/projects/:id`, by number or by encoded path. */
  type InProject = (at: Place, request: FakeRequest, part: string) => FakeReply;
  const route = (method: string, path: string, act: InProject): Route => {
    const handler: Handler = (request, [key = '', part = '']) => {
      const found = [...projects].find(([name, { id }]) => name === key || String(id) === key);
      if (found === undefined) return failure(404, '404 Project Not Found');
      const { origin, branches, mergeRequests } = found[1];
      const open = mergeRequests.filter(({ state }) => state === 'opened');
      noticePushes(origin, branches, open, {
        ends: ({ sourceBranch, targetBranch }) => [sourceBranch, targetBranch],
        merged: (merge) => Object.assign(merge, { state: 'merged' }),
      });
      return act({ path: found[0], project: found[1], base }, request, part);
    };
    return [method, new RegExp(`^/api/v4/projects/([^/]+)${path}$`), handler];
  };
  const withRequest =
    (act: (merge: FakeMergeRequest, at: Place, request: FakeRequest) => FakeReply): InProject =>
    (at, request, part) => {
      const merge = at.project.mergeRequests.find(({ iid }) => iid === Number(part));
      return merge === undefined ? failure(404, '404 Not found') : act(merge, at, request);
    };

  const create: InProject = (at, { body }) => {
    const { branches, mergeRequests } = at.project;
    const missing = ['title', 'source_branch', 'target_branch'].filter((name) => textIn(body, name) === '');
    if (missing.length > 0)
      return { status: 400, body: { error: missing.map((name) => `${name} is missing`).join(', ') } };
    const [sourceBranch, targetBranch] = [textIn(body, 'source_branch'), textIn(body, 'target_branch')];
    for (const [name, branch] of [
      ['source_branch', sourceBranch] as const,
      ['target_branch', targetBranch] as const,
    ])
      if (!branches.has(branch)) return { status: 400, body: { message: { [name]: ['does not exist'] } } };
    const open = mergeRequests.find(
      (each) =>
        each.state === 'opened' && each.sourceBranch === sourceBranch && each.targetBranch === targetBranch,
    );
    if (open !== undefined) {
      const message = `Another open merge request already exists for this source branch: !${open.iid}`;
      return { status: 409, body: { message: [message] } };
    }
    const merge: FakeMergeRequest = {
      iid: mergeRequests.length + 1,
      title: textIn(body, 'title'),
      description: textIn(body, 'description'),
      state: 'opened',
      sourceBranch,
      targetBranch,
      hasConflicts: false,
      detailedStatus: 'mergeable',
      mergeCommit: null,
      notes: [],
    };
    mergeRequests.push(merge);
    return { status: 201, body: shown(merge, at) };
  };
  const list: InProject = (at, request) => {
    const asked = (name: string) => request.query.get(name);
    const state = asked('state') ?? 'all';
    const fits = (each: FakeMergeRequest) =>
      (state === 'all' || each.state === state) &&
      (asked('source_branch') ?? each.sourceBranch) === each.sourceBranch &&
      (asked('target_branch') ?? each.targetBranch) === each.targetBranch;
    const all = at.project.mergeRequests.filter(fits).toReversed();
    const { items, link, page, pages, perPage } = pageOf(all, request, base);
    const headers = {
      ...link,
      'x-page': String(page),
      'x-per-page': String(perPage),
      'x-next-page': page < pages ? String(page + 1) : '',
      'x-prev-page': page > 1 ? String(page - 1) : '',
      'x-total': String(all.length),
      'x-total-pages': String(pages),
    };
    return { status: 200, headers, body: items.map((each) => shown(each, at)) };
  };
  const update = withRequest((merge, at, { body }) => {
    const event = textIn(body, 'state_event');
    if (event !== '' && event !== 'close' && event !== 'reopen')
      return { status: 400, body: { error: 'state_event does not have a valid value' } };
    if (event !== '' && merge.state === 'merged') return failure(422, 'State cannot transition via "close"');
    if (event !== '') merge.state = event === 'close' ? 'closed' : 'opened';
    merge.title = textIn(body, 'title') || merge.title;
    merge.description = textIn(body, 'description') || merge.description;
    return { status: 200, body: shown(merge, at) };
  });
  const accept = withRequest((merge, at, { body }) => {
    const tip = at.project.branches.get(merge.sourceBranch) ?? '';
    const expected = textIn(body, 'sha');
    if (merge.state !== 'opened') return failure(405, '405 Method Not Allowed');
    if (merge.hasConflicts) return failure(422, 'Branch cannot be merged');
    if (merge.detailedStatus !== 'mergeable') return failure(405, '405 Method Not Allowed');
    if (expected !== '' && expected !== tip)
      return failure(409, `SHA does not match HEAD of source branch: ${tip}`);
    const sha = `${merge.iid.toString(16).padStart(8, '0')}${tip}`.padEnd(40, '0').slice(0, 40);
    Object.assign(merge, { state: 'merged', mergeCommit: sha });
    at.project.branches.set(merge.targetBranch, sha);
    return { status: 200, body: shown(merge, at) };
  });
  const note = withRequest((merge, _, { body }) => {
    if (textIn(body, 'body') === '') return { status: 400, body: { error: 'body is missing' } };
    merge.notes.push(textIn(body, 'body'));
    return {
      status: 201,
      body: { id: merge.notes.length, body: textIn(body, 'body'), author: USER, system: false },
    };
  });
  const pipelines = withRequest((merge, { project }) => {
    const tip = project.branches.get(merge.sourceBranch);
    const body = project.pipelines
      .filter(({ sha }) => sha === tip)
      .map((each) => ({ ...each, ref: merge.sourceBranch, project_id: project.id, source: 'push' }));
    return { status: 200, body };
  });

  const server = await startFakeServer({
    guard,
    routes: [
      ['GET', /^\/api\/v4\/user$/, () => ({ status: 200, body: USER })],
      route('GET', '', ({ path, project }) => ({
        status: 200,
        body: { id: project.id, path_with_namespace: path, default_branch: 'main' },
      })),
      route('GET', '/merge_requests', list),
      route('POST', '/merge_requests', create),
      route(
        'GET',
        '/merge_requests/(\\d+)',
        withRequest((merge, at) => ({ status: 200, body: shown(merge, at) })),
      ),
      route('PUT', '/merge_requests/(\\d+)', update),
      route('PUT', '/merge_requests/(\\d+)/merge', accept),
      route('GET', '/merge_requests/(\\d+)/pipelines', pipelines),
      route('POST', '/merge_requests/(\\d+)/notes', note),
    ],
    notFound: { status: 404, body: { error: '404 Not Found' } },
  });
  base = server.url;
  const limitRate = (retryAfterSeconds: number, times: number) => {
    const reset = Math.ceil(Date.now() / 1000) + retryAfterSeconds;
    const headers = {
      'retry-after': String(retryAfterSeconds),
      'ratelimit-limit': '600',
      'ratelimit-observed': '601',
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(reset),
    };
    server.fail({ how: 'refuse', times, reply: { status: 429, headers, body: 'Retry later\n' } });
  };
  return { ...server, tokens: TOKENS, projects, limitRate };
}

interface Place {
  readonly path: string;
  readonly project: FakeGitlabProject;
  readonly base: string;
}

const failure = (status: number, message: string): FakeReply => ({ status, body: { message } });

function shown(merge: FakeMergeRequest, { path, project, base }: Place) {
  const { iid, title, description, state, hasConflicts } = merge;
  return {
    id: project.id * 1000 + iid,
    iid,
    project_id: project.id,
    title,
    description,
    state,
    source_branch: merge.sourceBranch,
    target_branch: merge.targetBranch,
    sha: project.branches.get(merge.sourceBranch) ?? null,
    merge_commit_sha: merge.mergeCommit,
    has_conflicts: hasConflicts,
    detailed_merge_status:
      state === 'opened' ? (hasConflicts ? 'conflict' : merge.detailedStatus) : 'not_open',
    draft: /^(draft|wip):/i.test(title),
    author: USER,
    web_url: `${base}/${path}/-/merge_requests/${iid}`,
  };
}
