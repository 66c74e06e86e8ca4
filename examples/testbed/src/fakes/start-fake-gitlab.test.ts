import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from './client.testing.ts';
import { newGitlabProject, startFakeGitlab, type FakeGitlab } from './start-fake-gitlab.ts';

const MAIN = 'a'.repeat(40);
const FIX = 'b'.repeat(40);
const MERGES = '/api/v4/projects/acme%2Fshop/merge_requests';

let gitlab: FakeGitlab;
beforeEach(async () => {
  gitlab = await startFakeGitlab();
  gitlab.projects.set('acme/shop', newGitlabProject(7, { main: MAIN, fix: FIX }));
});
afterEach(() => gitlab.stop());

const as = (token: string, method: string, path: string, body?: object) =>
  ask(gitlab, token, [method, path], body);
const writer = (method: string, path: string, body?: object) => as(gitlab.tokens.writer, method, path, body);
const open = (source = 'fix') =>
  writer('POST', MERGES, { title: 'Fix', description: 'why', source_branch: source, target_branch: 'main' });

test('a merge request is opened, found by number and path, its pipeline seen, and merged once', async () => {
  expect(await open()).toMatchObject({ status: 201, body: { iid: 1, state: 'opened', sha: FIX } });
  expect(
    await writer('GET', '/api/v4/projects/7/merge_requests?state=opened&source_branch=fix'),
  ).toMatchObject({
    body: [{ iid: 1, detailed_merge_status: 'mergeable' }],
  });
  const project = gitlab.projects.get('acme/shop');
  project?.pipelines.push({ id: 3, sha: FIX, status: 'success' }, { id: 2, sha: MAIN, status: 'failed' });
  expect((await writer('GET', `${MERGES}/1/pipelines`)).body).toEqual([
    { id: 3, sha: FIX, status: 'success', ref: 'fix', project_id: 7, source: 'push' },
  ]);
  expect(await writer('PUT', `${MERGES}/1/merge`, { sha: MAIN })).toMatchObject({
    status: 409,
    body: { message: `SHA does not match HEAD of source branch: ${FIX}` },
  });
  expect(await writer('PUT', `${MERGES}/1/merge`, { sha: FIX })).toMatchObject({
    status: 200,
    body: { state: 'merged' },
  });
  expect(await writer('PUT', `${MERGES}/1/merge`, { sha: FIX })).toMatchObject({ status: 405 });
  expect(project?.branches.get('main')).toBe(project?.mergeRequests[0]?.mergeCommit);
});

test('what GitLab refuses is refused with its words', async () => {
  await open();
  expect(await open()).toMatchObject({ status: 409, body: { message: [expect.stringContaining('!1')] } });
  expect(await open('gone')).toMatchObject({
    status: 400,
    body: { message: { source_branch: ['does not exist'] } },
  });
  expect(await writer('POST', MERGES, {})).toMatchObject({
    status: 400,
    body: { error: 'title is missing, source_branch is missing, target_branch is missing' },
  });
  expect(await as('wrong', 'GET', MERGES)).toMatchObject({
    status: 401,
    body: { message: '401 Unauthorized' },
  });
  expect(await as(gitlab.tokens.reader, 'POST', MERGES, {})).toMatchObject({ status: 403 });
  expect(await writer('GET', '/api/v4/projects/none/merge_requests')).toMatchObject({ status: 404 });
  expect(await writer('GET', `${MERGES}/9`)).toMatchObject({
    status: 404,
    body: { message: '404 Not found' },
  });
  const merge = gitlab.projects.get('acme/shop')?.mergeRequests[0];
  if (merge !== undefined) merge.detailedStatus = 'ci_must_pass';
  expect(await writer('PUT', `${MERGES}/1/merge`, {})).toMatchObject({ status: 405 });
  if (merge !== undefined) merge.hasConflicts = true;
  expect(await writer('PUT', `${MERGES}/1/merge`, {})).toMatchObject({ status: 422 });
  expect(await writer('PUT', `${MERGES}/1`, { state_event: 'close' })).toMatchObject({
    body: { state: 'closed' },
  });
});

test('pages tell how many there are and which is next', async () => {
  const project = gitlab.projects.get('acme/shop');
  for (const number of [1, 2, 3]) {
    project?.branches.set(`fix-${number}`, FIX);
    await open(`fix-${number}`);
  }
  const { body, headers } = await writer('GET', `${MERGES}?per_page=2`);
  expect(body).toMatchObject([{ iid: 3 }, { iid: 2 }]);
  expect([headers.get('x-total'), headers.get('x-next-page')]).toEqual(['3', '2']);
  expect(await writer('GET', `${MERGES}?per_page=2&page=2`)).toMatchObject({ body: [{ iid: 1 }] });
});

test('the rate limit refuses with when to come back, in plain text', async () => {
  gitlab.limitRate(30, 2);
  const limited = await open();
  expect(limited).toMatchObject({ status: 429, body: 'Retry later\n' });
  expect(limited.headers.get('retry-after')).toBe('30');
  expect(await open()).toMatchObject({ status: 429 });
  expect(await open()).toMatchObject({ status: 201 });
});
