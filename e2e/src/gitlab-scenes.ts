import { newGitlabProject, startFakeGitlab, type FakeGitlab } from '@carapulse/example-testbed/fakes';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { HOSTILE_BODY, HOSTILE_TITLES, NO_BRANCHES } from './hostile-requests.ts';
import { FORGE_HOST, refusalOf, ToolWorld } from './tool-world.ts';

const MAIN = 'a'.repeat(40);
const FIX = 'b'.repeat(40);
const CREATE = {
  key: 'shop-fix-1',
  source: 'fix',
  target: 'main',
  title: 'Fix the shop',
  body: 'why',
};
const isPost = ({ method }: { readonly method: string }) => method === 'POST';
const isPut = ({ method }: { readonly method: string }) => method === 'PUT';

/** What `glab` does with GitLab, by HTTP or by the program at `path`: the same outputs and the same refusals. */
export function gitlabScenes(path: string | null): void {
  let world: ToolWorld;
  let gitlab: FakeGitlab;
  let section: JsonObject;
  beforeAll(async () => {
    world = await ToolWorld.open(path);
  });
  afterAll(() => world?.close());
  beforeEach(async () => {
    gitlab = await startFakeGitlab();
    gitlab.projects.set('acme/web/shop', newGitlabProject(7, { main: MAIN, fix: FIX }));
    section = {
      url: `http://${FORGE_HOST}:${new URL(gitlab.url).port}`,
      egress: 'private',
      token: gitlab.tokens.writer,
      repositories: ['acme/web/shop', 'acme/private'],
    };
  });
  afterEach(() => gitlab.stop());

  const project = () => gitlab.projects.get('acme/web/shop');
  const call = (action: string, input: JsonObject, over: JsonObject = {}) => ({
    tool: 'glab',
    section: { ...section, ...over },
    action,
    input: { repository: 'acme/web/shop', ...input },
  });
  const run = (action: string, input: JsonObject, over?: JsonObject) => world.run(call(action, input, over));
  // Over plain HTTP the sandbox's proxy answers 502 in the place of a server that hung up.
  const unreachable = () => (world.by === 'http' ? 'unavailable' : 'tool_failed');
  const refused = (action: string, input: JsonObject, over?: JsonObject) =>
    refusalOf(run(action, input, over));

  test('a merge request is opened once, found, checked, and merged at the commit that was reviewed', async () => {
    expect(await world.observe(call('create_merge_request', CREATE))).toBe('not_done');
    const created = {
      iid: 1,
      title: 'Fix the shop',
      body: 'why\n\n[carapulse:shop-fix-1]',
      body_cut: false,
      state: 'opened',
      draft: false,
      source: { branch: 'fix', sha: FIX },
      target: { branch: 'main' },
      has_conflicts: false,
      merge_status: 'mergeable',
      merge_commit: null,
      author: 'carapulse-bot',
      url: `${gitlab.url}/acme/web/shop/-/merge_requests/1`,
    };
    expect(await run('create_merge_request', CREATE)).toEqual({ merge_request: created });
    expect(await run('create_merge_request', CREATE)).toEqual({ merge_request: created });
    expect(project()?.mergeRequests).toHaveLength(1);
    expect(await run('merge_requests', { source: 'fix' })).toEqual({
      empty: false,
      complete: true,
      merge_requests: [created],
    });
    const at = { iid: 1, sha: FIX };
    expect(await run('checks', at)).toEqual({ state: 'none', complete: true, pipelines: [] });
    project()?.pipelines.push({ id: 1, sha: FIX, status: 'failed' }, { id: 2, sha: FIX, status: 'running' });
    expect(await run('checks', at)).toMatchObject({ state: 'pending' });
    project()?.pipelines.push({ id: 3, sha: FIX, status: 'success' }, { id: 4, sha: MAIN, status: 'failed' });
    expect(await run('checks', at)).toMatchObject({ state: 'success', pipelines: [{ id: 3 }, {}, {}] });
    const byKey = { source: 'fix', key: CREATE.key, sha: FIX };
    expect(await run('checks', byKey)).toMatchObject({ state: 'success', passed: true });
    expect(await run('checks', { ...byKey, key: 'shop-fix-2' })).toEqual({
      state: 'none',
      complete: true,
      pipelines: [],
    });

    const merge = { ...at, target: 'main' };
    expect(await refused('accept_merge_request', { ...merge, sha: MAIN })).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'head_moved' },
    });
    expect(await world.observe(call('accept_merge_request', merge))).toBe('not_done');
    const merged = await run('accept_merge_request', merge);
    expect(merged).toMatchObject({ iid: 1, sha: FIX, target: 'main' });
    expect(await run('accept_merge_request', merge)).toEqual(merged);
    expect(await world.readBack(call('accept_merge_request', merge))).toEqual(merged);
    expect(await refused('close_merge_request', { iid: 1 })).toMatchObject({
      details: { class: 'conflict', effect: 'none', reason: 'merged_already' },
    });
    const left = { closed: [], already_closed: [1] };
    expect(await run('close_merge_request', { source: 'fix', key: CREATE.key, if_merged: 'leave' })).toEqual(
      left,
    );
    expect(await run('close_merge_request', { iid: 1, if_merged: 'leave' })).toEqual(left);
    expect(project()?.mergeRequests[0]?.state).toBe('merged');
  });

  test('a draft is one by its title, and what a key made is closed', async () => {
    expect(await run('create_merge_request', { ...CREATE, draft: true })).toMatchObject({
      merge_request: { draft: true, title: 'Draft: Fix the shop' },
    });
    const byKey = { source: 'fix', key: CREATE.key };
    expect(await run('close_merge_request', { ...byKey, key: 'shop-fix-2' })).toEqual({
      closed: [],
      already_closed: [],
    });
    expect(await run('close_merge_request', byKey)).toEqual({ closed: [1], already_closed: [] });
    expect(await run('close_merge_request', { iid: 1 })).toEqual({ closed: [], already_closed: [1] });
  });

  test('refusals keep their meaning, and the limit says when to come back', async () => {
    expect(await refused('merge_request', { iid: 1 }, { token: 'wrong' })).toMatchObject({
      code: 'tool_failed',
      retryable: false,
      message: expect.stringContaining('Renew connectors.glab.instances.main.token') as string,
      details: { class: 'permanent', status: 401, effect: 'none' },
    });
    const asReader = await refused('create_merge_request', CREATE, { token: gitlab.tokens.reader });
    expect(asReader).toMatchObject({
      message: expect.stringContaining('insufficient_scope') as string,
      details: { class: 'permanent', status: 403, effect: 'none' },
    });
    expect(await refused('merge_request', { iid: 9 })).toMatchObject({ details: { status: 404 } });
    expect(await refused('merge_request', { iid: 1, repository: 'acme/other' })).toMatchObject({
      code: 'forbidden',
      details: { reason: 'repository_not_listed' },
    });
    await run('create_merge_request', CREATE);
    // glab 1.22 keeps a message that is a list to itself.
    const told = world.by === 'http' ? 'already exists for this source branch: !1' : 'answered 409';
    expect(await refused('create_merge_request', { ...CREATE, key: 'another-key' })).toMatchObject({
      message: expect.stringContaining(told) as string,
      details: { class: 'conflict', status: 409, effect: 'none' },
    });
    const merge = { iid: 1, sha: FIX, target: 'main' };
    Object.assign(project()?.mergeRequests[0] ?? {}, { hasConflicts: true });
    expect(await refused('accept_merge_request', merge)).toMatchObject({
      message: expect.stringContaining('Branch cannot be merged') as string,
      details: { class: 'permanent', status: 422, effect: 'none' },
    });
    gitlab.limitRate(42, 1);
    expect(await refused('create_merge_request', CREATE)).toMatchObject({
      retryable: true,
      retryAfterMs: 42_000,
      details: { class: 'throttled', status: 429, effect: 'none' },
    });
  });

  test('a slow answer is a timeout; an answer that is lost after the effect is found done', async () => {
    gitlab.fail({ how: 'slow', delayMs: 20_000 });
    const slow = refusalOf(world.run({ ...call('merge_request', { iid: 1 }), timeoutMs: 1000 }));
    expect(await slow).toMatchObject({ code: 'timeout' });
    gitlab.fail({ on: isPost, how: 'lose' });
    const lost = await refused('create_merge_request', CREATE);
    expect(lost).toMatchObject({ code: unreachable(), retryable: true });
    expect(lost['details']).not.toHaveProperty('effect');
    expect(await world.observe(call('create_merge_request', CREATE))).toBe('done');
    expect(await world.readBack(call('create_merge_request', CREATE))).toMatchObject({
      merge_request: { iid: 1 },
    });
    const merge = { iid: 1, sha: FIX, target: 'main' };
    gitlab.fail({ on: isPut, how: 'hang up' });
    expect(await refused('accept_merge_request', merge)).toMatchObject({ code: unreachable() });
    expect(await world.observe(call('accept_merge_request', merge))).toBe('not_done');
    const stillOpen = { status: 200, body: { ...(await rawMerge()), state: 'opened' } };
    gitlab.fail({ on: isPut, how: 'refuse', reply: stillOpen });
    expect((await refused('accept_merge_request', merge))['code']).not.toBe('done');
    gitlab.fail({ on: isPut, how: 'lose' });
    expect(await refused('accept_merge_request', merge)).toMatchObject({ code: unreachable() });
    expect(await world.observe(call('accept_merge_request', merge))).toBe('done');
  });

  test('a long list is read page by page', async () => {
    const merges = Array.from({ length: 250 }, (_, index) => ({
      iid: index + 1,
      title: `merge ${index}`,
      description: '',
      state: 'closed' as const,
      sourceBranch: index === 0 ? 'other' : 'fix',
      targetBranch: 'main',
      hasConflicts: false,
      detailedStatus: 'not_open',
      mergeCommit: null,
      notes: [],
    }));
    project()?.mergeRequests.push(...merges);
    const all = await run('merge_requests', { source: 'fix', state: 'all' });
    expect(all['complete']).toBe(true);
    expect(all['merge_requests']).toHaveLength(249);
  });

  test('merge requests of forks and other branches are not taken for ours', async () => {
    await run('create_merge_request', CREATE);
    const raw = { ...(await rawMerge()), project_id: 7, source_project_id: 7 };
    const others = [
      { ...raw, source_project_id: 8 },
      { ...raw, source_branch: 'other' },
      { ...raw, target_branch: 'release' },
    ];
    const isList = ({ path: asked }: { readonly path: string }) => asked.endsWith('/merge_requests');
    gitlab.fail({ on: isList, how: 'refuse', reply: { status: 200, body: others } });
    expect(await world.observe(call('create_merge_request', CREATE))).toBe('not_done');
    gitlab.fail({ on: isList, how: 'refuse', reply: { status: 200, body: [...others, raw] } });
    expect(await world.observe(call('create_merge_request', CREATE))).toBe('done');
  });

  test('hostile text stays text, what GitLab would obey is refused, and no hostile name gets that far', async () => {
    for (const [index, title] of HOSTILE_TITLES.entries()) {
      const source = `hostile-${index}`;
      project()?.branches.set(source, FIX);
      const input = { ...CREATE, key: `hostile-${index}-key`, source, title, body: HOSTILE_BODY };
      await run('create_merge_request', input);
      expect(project()?.mergeRequests.at(-1)).toMatchObject({
        title,
        description: `${HOSTILE_BODY}\n\n[carapulse:hostile-${index}-key]`,
      });
    }
    const before = gitlab.requests.length;
    for (const source of NO_BRANCHES)
      await expect(run('create_merge_request', { ...CREATE, source })).rejects.toThrow(/source/);
    for (const body of ['/merge', 'see\n/assign @root', 'a\n  /close', '[carapulse:another-key]', 'a\u0007'])
      await expect(run('create_merge_request', { ...CREATE, body })).rejects.toThrow(/body/);
    for (const title of ['Draft: x', 'WIP: x', '[Draft] x', '(draft) x', 'a\nb', ''])
      await expect(run('create_merge_request', { ...CREATE, title })).rejects.toThrow(/title/);
    for (const repository of ['acme', 'acme/..', '../x', 'acme/web%2Fshop', 'acme/shop?x', 'acme//shop', '7'])
      await expect(run('merge_request', { iid: 1, repository })).rejects.toThrow(/repository/);
    expect(gitlab.requests).toHaveLength(before);
  });

  test('the token is where it belongs and nowhere else', async () => {
    const output = await run('create_merge_request', CREATE);
    const failed = await refused('merge_request', { iid: 9 });
    expect(JSON.stringify([output, failed, world.said])).not.toContain(gitlab.tokens.writer);
    for (const { headers, path } of gitlab.requests) {
      const { authorization, 'private-token': token } = headers;
      const wanted = [`Bearer ${gitlab.tokens.writer}`, undefined];
      expect([authorization, token]).toEqual(
        world.by === 'http' ? wanted : [undefined, gitlab.tokens.writer],
      );
      expect(path).toContain('/projects/acme%2Fweb%2Fshop/');
    }
  });

  async function rawMerge(): Promise<object> {
    const reply = await fetch(`${gitlab.url}/api/v4/projects/7/merge_requests/1`, {
      headers: { authorization: `Bearer ${gitlab.tokens.writer}` },
    });
    return (await reply.json()) as object;
  }
}
