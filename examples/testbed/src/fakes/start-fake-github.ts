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

export interface FakePull {
  readonly number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  merged: boolean;
  /** Null until GitHub has found it out; false has conflicts. */
  mergeable: boolean | null;
  readonly head: string;
  base: string;
  mergeCommit: string | null;
  readonly comments: string[];
}

export interface FakeCheck {
  readonly name: string;
  readonly status: 'queued' | 'in_progress' | 'completed';
  readonly conclusion: 'success' | 'failure' | 'cancelled' | 'timed_out' | null;
}

/** A commit status, of the older kind. */
export interface FakeStatus {
  readonly context: string;
  readonly state: 'pending' | 'success' | 'failure' | 'error';
}

export interface FakeGithubRepository {
  /** Commits by branch. */
  readonly branches: Map<string, string>;
  readonly pulls: FakePull[];
  /** Check runs by commit. */
  readonly checks: Map<string, readonly FakeCheck[]>;
  /** The last status of each context by commit. */
  readonly statuses: Map<string, readonly FakeStatus[]>;
  /** Where its branches are, when a real repository is behind it. */
  readonly origin?: FakeOrigin;
}

export interface FakeGithub extends FakeServer {
  /** Fine-grained tokens; `reader` may change nothing. */
  readonly tokens: { readonly writer: string; readonly reader: string };
  /** By `owner/name`; an absent one answers 404, as a private one does to strangers. */
  readonly repositories: Map<string, FakeGithubRepository>;
  /** The primary limit; at 0 requests are refused until the reset. */
  readonly limit: { remaining: number; resetSeconds: number };
  /** The next requests are refused by the secondary limit. */
  readonly limitSecondary: (retryAfterSeconds: number, times: number) => void;
}

const TOKENS = { writer: 'github_pat_writer', reader: 'github_pat_reader' };
const LIMIT = 5000;
const DOCS = 'https://docs.github.com/rest';
const USER = { login: 'carapulse-bot', id: 1, type: 'User' };
const SECONDARY = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';

export function newGithubRepository(
  branches: Readonly<Record<string, string>>,
  origin?: FakeOrigin,
): FakeGithubRepository {
  const repository = {
    branches: new Map(Object.entries(branches)),
    pulls: [],
    checks: new Map<string, readonly FakeCheck[]>(),
    statuses: new Map<string, readonly FakeStatus[]>(),
  };
  return origin === undefined ? repository : { ...repository, origin };
}

/** GitHub's REST API for pull requests and their checks; docs.github.com/rest, version 2022-11-28. */
export async function startFakeGithub(): Promise<FakeGithub> {
  const repositories = new Map<string, FakeGithubRepository>();
  const limit = { remaining: LIMIT, resetSeconds: Math.floor(Date.now() / 1000) + 3600 };
  const limits = () => ({
    'x-ratelimit-limit': String(LIMIT),
    'x-ratelimit-remaining': String(limit.remaining),
    'x-ratelimit-used': String(LIMIT - limit.remaining),
    'x-ratelimit-reset': String(limit.resetSeconds),
    'x-ratelimit-resource': 'core',
  });
  let base = '';

  function guard(request: FakeRequest): FakeReply | null {
    const token = bearerOf(request);
    if (token === '') return failure(401, 'Requires authentication');
    if (token !== TOKENS.writer && token !== TOKENS.reader) return failure(401, 'Bad credentials');
    if (limit.remaining === 0 && Date.now() / 1000 < limit.resetSeconds)
      return failure(403, 'API rate limit exceeded for user ID 1.');
    limit.remaining = Math.max(0, limit.remaining - 1);
    if (request.method === 'GET' || token === TOKENS.writer) return null;
    return failure(403, 'Resource not accessible by personal access token');
  }

  /** A route below `/repos/owner/name`. */
  type InRepository = (
    at: { repository: FakeGithubRepository; name: string },
    request: FakeRequest,
    part: string,
  ) => FakeReply;
  const route = (method: string, path: string, act: InRepository): Route => {
    const handler: Handler = (request, [owner = '', name = '', part = '']) => {
      const repository = repositories.get(`${owner}/${name}`);
      if (repository === undefined) return NOT_FOUND;
      const open = repository.pulls.filter(({ state }) => state === 'open');
      noticePushes(repository.origin, repository.branches, open, {
        ends: (pull) => [pull.head, pull.base],
        merged: (pull) => {
          const mergeCommit = repository.branches.get(pull.head) ?? null;
          Object.assign(pull, { merged: true, state: 'closed', mergeCommit });
        },
      });
      return act({ repository, name: `${owner}/${name}` }, request, part);
    };
    return [method, new RegExp(`^/repos/([^/]+)/([^/]+)${path}$`), handler];
  };
  const withPull =
    (
      act: (
        pull: FakePull,
        at: { repository: FakeGithubRepository; name: string },
        request: FakeRequest,
      ) => FakeReply,
    ): InRepository =>
    (at, request, part) => {
      const pull = at.repository.pulls.find(({ number }) => number === Number(part));
      return pull === undefined ? NOT_FOUND : act(pull, at, request);
    };

  const create: InRepository = ({ repository, name }, { body }) => {
    const { branches, pulls } = repository;
    const head = textIn(body, 'head').replace(/^[^:]+:/, '');
    const target = textIn(body, 'base');
    if (textIn(body, 'title') === '') return invalid([{ code: 'missing_field', field: 'title' }]);
    if (!branches.has(head)) return invalid([{ code: 'invalid', field: 'head' }]);
    if (!branches.has(target)) return invalid([{ code: 'invalid', field: 'base' }]);
    if (branches.get(head) === branches.get(target))
      return invalid([{ code: 'custom', message: `No commits between ${target} and ${head}` }]);
    if (pulls.some((each) => each.state === 'open' && each.head === head && each.base === target)) {
      const message = `A pull request already exists for ${name.split('/')[0]}:${head}.`;
      return invalid([{ code: 'custom', message }]);
    }
    const pull: FakePull = {
      number: pulls.length + 1,
      title: textIn(body, 'title'),
      body: textIn(body, 'body'),
      state: 'open',
      merged: false,
      mergeable: true,
      head,
      base: target,
      mergeCommit: null,
      comments: [],
    };
    pulls.push(pull);
    return { status: 201, body: shown(pull, { repository, name, base }) };
  };
  const list: InRepository = ({ repository, name }, request) => {
    const state = request.query.get('state') ?? 'open';
    const head = request.query.get('head')?.replace(/^[^:]+:/, '');
    const target = request.query.get('base');
    const fits = (pull: FakePull) =>
      (state === 'all' || pull.state === state) &&
      (head === undefined || pull.head === head) &&
      (target === null || pull.base === target);
    const page = pageOf(repository.pulls.filter(fits).toReversed(), request, base);
    return {
      status: 200,
      headers: page.link,
      body: page.items.map((pull) => shown(pull, { repository, name, base })),
    };
  };
  const update = withPull((pull, { repository, name }, { body }) => {
    const state = textIn(body, 'state');
    if (pull.merged && state === 'open') return invalid([{ code: 'invalid', field: 'state' }]);
    if (state === 'open' || state === 'closed') pull.state = state;
    pull.title = textIn(body, 'title') || pull.title;
    pull.body = textIn(body, 'body') || pull.body;
    return { status: 200, body: shown(pull, { repository, name, base }) };
  });
  const merge = withPull((pull, { repository }, { body }) => {
    const tip = repository.branches.get(pull.head) ?? '';
    if (pull.state !== 'open' || pull.mergeable !== true)
      return failure(405, 'Pull Request is not mergeable');
    const expected = textIn(body, 'sha');
    if (expected !== '' && expected !== tip)
      return failure(409, 'Head branch was modified. Review and try the merge again.');
    const sha = mergedSha(pull.number, tip);
    Object.assign(pull, { merged: true, state: 'closed', mergeCommit: sha });
    repository.branches.set(pull.base, sha);
    return { status: 200, body: { sha, merged: true, message: 'Pull Request successfully merged' } };
  });
  const checks: InRepository = ({ repository }, _, ref) => {
    const sha = repository.branches.get(ref) ?? ref;
    const runs = repository.checks.get(sha) ?? [];
    const shownRuns = runs.map((run, index) => ({ id: index + 1, head_sha: sha, ...run }));
    return { status: 200, body: { total_count: runs.length, check_runs: shownRuns } };
  };
  const status: InRepository = ({ repository }, request, ref) => {
    const sha = repository.branches.get(ref) ?? ref;
    const all = repository.statuses.get(sha) ?? [];
    const page = pageOf(all, request, base);
    return {
      status: 200,
      headers: page.link,
      body: { state: statesOf(all), sha, total_count: all.length, statuses: page.items },
    };
  };
  const branch: InRepository = ({ repository }, _, name) => {
    const sha = repository.branches.get(name);
    return sha === undefined
      ? NOT_FOUND
      : { status: 200, body: { ref: `refs/heads/${name}`, object: { type: 'commit', sha } } };
  };
  const comment = withPull((pull, _, { body }) => {
    if (textIn(body, 'body') === '') return invalid([{ code: 'missing_field', field: 'body' }]);
    pull.comments.push(textIn(body, 'body'));
    return { status: 201, body: { id: pull.comments.length, body: textIn(body, 'body'), user: USER } };
  });

  const server = await startFakeServer({
    guard,
    headers: limits,
    routes: [
      ['GET', /^\/user$/, () => ({ status: 200, body: USER })],
      route('GET', '', (at) => ({
        status: 200,
        body: { full_name: at.name, default_branch: 'main', private: true },
      })),
      route('GET', '/pulls', list),
      route('POST', '/pulls', create),
      route(
        'GET',
        '/pulls/(\\d+)',
        withPull((pull, at) => ({ status: 200, body: shown(pull, { ...at, base }) })),
      ),
      route('PATCH', '/pulls/(\\d+)', update),
      route('PUT', '/pulls/(\\d+)/merge', merge),
      route('POST', '/issues/(\\d+)/comments', comment),
      route('GET', '/commits/(.+)/check-runs', checks),
      route('GET', '/commits/(.+)/status', status),
      route('GET', '/git/ref/heads/(.+)', branch),
    ],
    notFound: NOT_FOUND,
  });
  base = server.url;
  const limitSecondary = (retryAfterSeconds: number, times: number) =>
    server.fail({
      how: 'refuse',
      times,
      reply: { ...failure(403, SECONDARY), headers: { 'retry-after': String(retryAfterSeconds) } },
    });
  return { ...server, tokens: TOKENS, repositories, limit, limitSecondary };
}

/** GitHub calls a commit without any status pending. */
function statesOf(all: readonly FakeStatus[]): 'pending' | 'success' | 'failure' {
  if (all.some(({ state }) => state === 'failure' || state === 'error')) return 'failure';
  return all.length > 0 && all.every(({ state }) => state === 'success') ? 'success' : 'pending';
}

function failure(status: number, message: string): FakeReply {
  return { status, body: { message, documentation_url: DOCS, status: String(status) } };
}
const NOT_FOUND = failure(404, 'Not Found');

function invalid(errors: readonly Readonly<Record<string, string>>[]): FakeReply {
  const all = errors.map((each) => ({ resource: 'PullRequest', ...each }));
  return {
    status: 422,
    body: { message: 'Validation Failed', errors: all, documentation_url: DOCS, status: '422' },
  };
}

/** 40 hexadecimal digits that tell which pull request was merged at which commit. */
const mergedSha = (number: number, tip: string) =>
  `${number.toString(16).padStart(8, '0')}${tip}`.padEnd(40, '0').slice(0, 40);

interface Place {
  readonly repository: FakeGithubRepository;
  readonly name: string;
  readonly base: string;
}

function shown(pull: FakePull, { repository, name, base }: Place) {
  const { number, title, body, state, merged, mergeable } = pull;
  const end = (ref: string) => ({
    ref,
    sha: repository.branches.get(ref) ?? '',
    label: `${name.split('/')[0]}:${ref}`,
  });
  return {
    id: number,
    number,
    title,
    body,
    state,
    merged,
    mergeable: state === 'open' ? mergeable : null,
    mergeable_state: mergeable === true ? 'clean' : mergeable === null ? 'unknown' : 'dirty',
    merge_commit_sha: pull.mergeCommit,
    draft: false,
    user: USER,
    url: `${base}/repos/${name}/pulls/${number}`,
    html_url: `${base}/${name}/pull/${number}`,
    head: end(pull.head),
    base: end(pull.base),
  };
}
