import { newGithubRepository, startFakeGithub, type FakeGithub } from '@carapulse/example-testbed/fakes';
import type { JsonObject } from '@carapulse/kernel';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { HOSTILE_BODY, HOSTILE_TITLES, NO_BRANCHES } from './hostile-requests.ts';
import { FORGE_HOST, refusalOf, ToolWorld } from './tool-world.ts';

const MAIN = 'a'.repeat(40);
const FIX = 'b'.repeat(40);
const CREATE = {
  key: 'shop-fix-1',
  head: 'fix',
  base: 'main',
  title: 'Fix the shop',
  body: 'why',
};
const isPost = ({ method }: { readonly method: string }) => method === 'POST';

/** What `gh` does with GitHub, by HTTP or by the program at `path`: the same outputs and the same refusals. */
export function githubScenes(path: string | null): void {
  let world: ToolWorld;
  let github: FakeGithub;
  let section: JsonObject;
  beforeAll(async () => {
    world = await ToolWorld.open(path);
  });
  afterAll(() => world?.close());
  beforeEach(async () => {
    github = await startFakeGithub();
    github.repositories.set('acme/shop', newGithubRepository({ main: MAIN, fix: FIX }));
    section = {
      url: `http://${FORGE_HOST}:${new URL(github.url).port}`,
      egress: 'private',
      token: github.tokens.writer,
      repositories: ['acme/shop', 'acme/private'],
    };
  });
  afterEach(() => github.stop());

  const call = (action: string, input: JsonObject, over: JsonObject = {}) => ({
    tool: 'gh',
    section: { ...section, ...over },
    action,
    input: { repository: 'acme/shop', ...input },
  });
  const run = (action: string, input: JsonObject, over?: JsonObject) => world.run(call(action, input, over));
  const refused = (action: string, input: JsonObject, over?: JsonObject) =>
    refusalOf(run(action, input, over));
  // Over plain HTTP the sandbox's proxy answers 502 in the place of a server that hung up.
  const unreachable = () => (world.by === 'http' ? 'unavailable' : 'tool_failed');
  const created = {
    number: 1,
    title: 'Fix the shop',
    body: 'why\n\n[carapulse:shop-fix-1]',
    body_cut: false,
    state: 'open',
    draft: false,
    head: { branch: 'fix', sha: FIX },
    base: { branch: 'main' },
    mergeable: true,
    mergeable_state: 'clean',
    merge_commit: null,
    author: 'carapulse-bot',
  };

  test('a pull request is opened once, found, checked, and merged at the commit that was reviewed', async () => {
    expect(await world.observe(call('create_pull_request', CREATE))).toBe('not_done');
    expect(await run('create_pull_request', CREATE)).toEqual({
      pull_request: { ...created, url: expect.stringContaining('/acme/shop/pull/1') as string },
    });
    expect(await run('create_pull_request', CREATE)).toMatchObject({ pull_request: { number: 1 } });
    expect(github.repositories.get('acme/shop')?.pulls).toHaveLength(1);
    expect(github.requests.find(isPost)?.body).toEqual({
      title: 'Fix the shop',
      body: created.body,
      head: 'fix',
      base: 'main',
      draft: false,
    });
    expect(await run('pull_requests', { head: 'fix' })).toMatchObject({
      empty: false,
      complete: true,
      pull_requests: [created],
    });
    expect(await run('pull_requests', { head: 'other' })).toEqual({
      empty: true,
      complete: true,
      pull_requests: [],
    });
    expect(await run('checks', { sha: FIX })).toEqual({ state: 'none', complete: true, checks: [] });
    github.repositories.get('acme/shop')?.checks.set(FIX, [
      { name: 'test', status: 'completed', conclusion: 'success' },
      { name: 'lint', status: 'in_progress', conclusion: null },
    ]);
    expect(await run('checks', { sha: FIX })).toMatchObject({ state: 'pending' });
    github.repositories
      .get('acme/shop')
      ?.checks.set(FIX, [{ name: 'test', status: 'completed', conclusion: 'timed_out' }]);
    expect(await run('checks', { sha: FIX })).toMatchObject({ state: 'failure', passed: false });
    const shop = github.repositories.get('acme/shop');
    shop?.checks.set(FIX, [{ name: 'test', status: 'completed', conclusion: 'success' }]);
    for (const [state, all] of [
      ['pending', 'pending'],
      ['error', 'failure'],
      ['success', 'success'],
    ] as const) {
      shop?.statuses.set(FIX, [{ context: 'ci/old', state }]);
      expect(await run('checks', { sha: FIX })).toMatchObject({ state: all, passed: all === 'success' });
    }
    expect(await run('checks', { sha: FIX })).toMatchObject({
      checks: [
        { name: 'test', status: 'completed', conclusion: 'success' },
        { name: 'ci/old', status: 'completed', conclusion: 'success' },
      ],
    });

    const merge = { number: 1, sha: FIX, base: 'main', method: 'squash' };
    expect(await refused('merge_pull_request', { ...merge, sha: MAIN })).toMatchObject({
      code: 'plan_stale',
      details: { effect: 'none', reason: 'head_moved' },
    });
    expect(await refused('merge_pull_request', { ...merge, base: 'release' })).toMatchObject({
      code: 'plan_stale',
      details: { reason: 'base_differs' },
    });
    expect(await world.observe(call('merge_pull_request', merge))).toBe('not_done');
    const merged = await run('merge_pull_request', merge);
    expect(merged).toMatchObject({
      number: 1,
      sha: FIX,
      base: 'main',
      merge_commit: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
    });
    expect(await run('merge_pull_request', merge)).toEqual(merged);
    expect(await world.readBack(call('merge_pull_request', merge))).toEqual(merged);
    expect(await run('pull_request', { number: 1 })).toMatchObject({
      pull_request: { state: 'merged', merge_commit: merged['merge_commit'] },
    });
    expect(await refused('close_pull_request', { number: 1 })).toMatchObject({
      code: 'tool_failed',
      details: { class: 'conflict', effect: 'none', reason: 'merged_already' },
    });
    const left = { closed: [], already_closed: [1] };
    const byKey = { head: 'fix', key: CREATE.key };
    expect(await run('close_pull_request', { ...byKey, if_merged: 'leave' })).toEqual(left);
    expect(await run('close_pull_request', { number: 1, if_merged: 'leave' })).toEqual(left);
  });

  test('what a key made is closed, and nothing else', async () => {
    await run('create_pull_request', CREATE);
    const byKey = { head: 'fix', key: CREATE.key };
    expect(await run('close_pull_request', { ...byKey, key: 'shop-fix-2' })).toEqual({
      closed: [],
      already_closed: [],
    });
    expect(await run('close_pull_request', byKey)).toEqual({ closed: [1], already_closed: [] });
    expect(await run('close_pull_request', byKey)).toEqual({ closed: [], already_closed: [1] });
    expect(await run('close_pull_request', { number: 1 })).toEqual({ closed: [], already_closed: [1] });
    expect(await world.observe(call('create_pull_request', CREATE))).toBe('done');
    expect(
      await refused('merge_pull_request', { number: 1, sha: FIX, base: 'main', method: 'merge' }),
    ).toMatchObject({ code: 'plan_stale', details: { reason: 'closed' } });
  });

  test('refusals keep their meaning', async () => {
    expect(await refused('pull_request', { number: 1 }, { token: 'wrong' })).toMatchObject({
      code: 'tool_failed',
      retryable: false,
      message: expect.stringMatching(
        /401: Bad credentials.*Renew connectors\.gh\.instances\.main\.token/,
      ) as string,
      details: { class: 'permanent', status: 401, effect: 'none' },
    });
    expect(await refused('create_pull_request', CREATE, { token: github.tokens.reader })).toMatchObject({
      details: { class: 'permanent', status: 403, effect: 'none' },
    });
    expect(await refused('pull_request', { number: 9 })).toMatchObject({
      details: { class: 'permanent', status: 404 },
    });
    expect(await refused('pull_request', { number: 1, repository: 'acme/private' })).toMatchObject({
      details: { status: 404 },
    });
    expect(await refused('pull_request', { number: 1, repository: 'acme/other' })).toMatchObject({
      code: 'forbidden',
      details: { reason: 'repository_not_listed' },
    });
    await run('create_pull_request', CREATE);
    expect(await refused('create_pull_request', { ...CREATE, key: 'another-key' })).toMatchObject({
      message: expect.stringContaining('A pull request already exists for acme:fix') as string,
      details: { class: 'permanent', status: 422, effect: 'none' },
    });
    const merge = { number: 1, sha: FIX, base: 'main', method: 'merge' };
    const conflict = { status: 409, body: { message: 'Head branch was modified.' } };
    github.fail({ on: ({ method }) => method === 'PUT', how: 'refuse', reply: conflict });
    expect(await refused('merge_pull_request', merge)).toMatchObject({
      details: { class: 'conflict', status: 409, effect: 'none' },
    });
    github.fail({ how: 'refuse', reply: { status: 502, body: { message: 'Server Error' } } });
    const failed = await refused('pull_request', { number: 1 });
    expect(failed).toMatchObject({ retryable: true, details: { class: 'transient', status: 502 } });
    expect(failed['details']).not.toHaveProperty('effect');
  });

  test('both limits are throttling, with the time to wait', async () => {
    github.limitSecondary(60, 1);
    expect(await refused('create_pull_request', CREATE)).toMatchObject({
      retryable: true,
      retryAfterMs: 60_000,
      details: { class: 'throttled', status: 403, effect: 'none' },
    });
    github.limit.remaining = 0;
    const { retryAfterMs } = await refused('pull_request', { number: 1 });
    expect(Number(retryAfterMs)).toBeGreaterThan(3_500_000);
    expect(Number(retryAfterMs)).toBeLessThanOrEqual(3_601_000);
  });

  test('a slow answer is a timeout; an answer that is lost after the effect is found done', async () => {
    github.fail({ how: 'slow', delayMs: 20_000 });
    const slow = refusalOf(world.run({ ...call('pull_request', { number: 1 }), timeoutMs: 1000 }));
    expect(await slow).toMatchObject({ code: 'timeout' });

    github.fail({ on: isPost, how: 'lose' });
    const lost = await refused('create_pull_request', CREATE);
    expect(lost).toMatchObject({ code: unreachable(), retryable: true });
    expect(lost['details']).not.toHaveProperty('effect');
    expect(await world.observe(call('create_pull_request', CREATE))).toBe('done');
    expect(await world.readBack(call('create_pull_request', CREATE))).toMatchObject({
      pull_request: created,
    });

    const merge = { number: 1, sha: FIX, base: 'main', method: 'merge' };
    github.fail({
      on: ({ method }) => method === 'PUT',
      how: 'lose',
      reply: { status: 502, body: { message: 'Server Error' } },
    });
    expect((await refused('merge_pull_request', merge))['details']).not.toHaveProperty('effect');
    expect(await world.observe(call('merge_pull_request', merge))).toBe('done');
    github.fail({ how: 'hang up' });
    expect(await refused('pull_request', { number: 1 })).toMatchObject({ code: unreachable() });
  });

  test('a long list is read page by page', async () => {
    const runs = Array.from({ length: 250 }, (_, index) => ({
      name: `run ${index}`,
      status: 'completed' as const,
      conclusion: 'success' as const,
    }));
    const pulls = Array.from({ length: 250 }, (_, index) => ({
      number: index + 1,
      title: `pull ${index}`,
      body: '',
      state: 'closed' as const,
      merged: false,
      mergeable: null,
      head: 'fix',
      base: 'main',
      mergeCommit: null,
      comments: [],
    }));
    github.repositories.get('acme/shop')?.checks.set(FIX, runs);
    github.repositories.get('acme/shop')?.pulls.push(...pulls);
    const all = await run('pull_requests', { head: 'fix', state: 'all' });
    expect(all['complete']).toBe(true);
    expect(all['pull_requests']).toHaveLength(250);
  });

  test('pull requests of forks and other branches are not taken for ours; of too many none is said to be missing', async () => {
    await run('create_pull_request', CREATE);
    const raw = await fetch(`${github.url}/repos/acme/shop/pulls/1`, {
      headers: { authorization: `Bearer ${github.tokens.writer}` },
    });
    const pull = (await raw.json()) as { readonly head: JsonObject };
    const ofFork = { ...pull, head: { ...pull.head, label: 'stranger:fix' } };
    const ofOther = { ...pull, head: { ...pull.head, ref: 'other', label: 'acme:other' } };
    const isList = ({ path: asked }: { readonly path: string }) => asked.endsWith('/pulls');
    github.fail({ on: isList, how: 'refuse', reply: { status: 200, body: [ofFork, ofOther] } });
    expect(await world.observe(call('create_pull_request', CREATE))).toBe('not_done');
    const link = '<https://attacker.example/?page=2>; rel="next"';
    const more = { status: 200, headers: { link }, body: [ofFork] };
    github.fail({ on: isList, times: 10, how: 'refuse', reply: more });
    await expect(world.observe(call('create_pull_request', CREATE))).rejects.toMatchObject({
      details: { reason: 'list_too_long' },
    });
  });

  test('hostile text stays text, and no hostile name gets that far', async () => {
    for (const [index, title] of HOSTILE_TITLES.entries()) {
      const head = `hostile-${index}`;
      github.repositories.get('acme/shop')?.branches.set(head, FIX);
      const input = { ...CREATE, key: `hostile-${index}-key`, head, title, body: HOSTILE_BODY };
      expect(await run('create_pull_request', input)).toMatchObject({ pull_request: { title } });
      const pull = github.repositories.get('acme/shop')?.pulls.at(-1);
      expect(pull?.title).toBe(title);
      expect(pull?.body).toBe(`${HOSTILE_BODY}\n\n[carapulse:hostile-${index}-key]`);
    }
    const before = github.requests.length;
    for (const head of NO_BRANCHES)
      await expect(run('create_pull_request', { ...CREATE, head })).rejects.toThrow(/head/);
    for (const title of ['', ' ', 'a\nb', 'a\u001b[31m', 'a\0', '\ud800', 'x'.repeat(201)])
      await expect(run('create_pull_request', { ...CREATE, title })).rejects.toThrow(/title/);
    for (const body of ['[carapulse:another-key]', 'a\u0007', 'x'.repeat(20_001)])
      await expect(run('create_pull_request', { ...CREATE, body })).rejects.toThrow(/body/);
    for (const repository of ['acme/..', 'acme', '../acme', 'acme/shop/pulls', 'acme/shop?x', '-acme/shop'])
      await expect(run('pull_request', { number: 1, repository })).rejects.toThrow(/repository/);
    expect(github.requests).toHaveLength(before);
  });

  test('the token is where it belongs and nowhere else', async () => {
    const output = await run('create_pull_request', CREATE);
    const failed = await refused('pull_request', { number: 9 });
    expect(JSON.stringify([output, failed, world.said])).not.toContain(github.tokens.writer);
    for (const { headers } of github.requests) {
      expect(headers['authorization']).toMatch(new RegExp(`^(Bearer|token) ${github.tokens.writer}$`));
      expect(headers['x-github-api-version']).toBe('2022-11-28');
    }
  });
}
