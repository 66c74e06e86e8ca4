import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HISTORY, SERVICE_CONFIG_PATH } from './configuration.ts';
import { git } from './git.ts';
import { createRepository } from './repository.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shop repository '));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

const clock = { nowMs: () => Date.UTC(2026, 0, 31, 12), monotonicMs: () => 0 };
const signal = new AbortController().signal;
const create = () => createRepository(directory, clock, signal);
const inBare = (...args: readonly string[]) =>
  git(['--git-dir', join(directory, 'checkout.git'), ...args], { signal });

test('the same clock gives the same commits, whoever runs it', async () => {
  const story = async () => {
    const repository = await create();
    await repository.pushBad(signal);
    await repository.pushInnocent(0, signal);
    return repository.head(signal);
  };
  const first = await story();
  const config = join(directory, 'hostile.gitconfig');
  await writeFile(
    config,
    '[user]\n\tname = Somebody\n[commit]\n\tgpgSign = true\n[core]\n\tautocrlf = true\n',
  );
  vi.stubEnv('GIT_CONFIG_GLOBAL', config);
  vi.stubEnv('GIT_AUTHOR_NAME', 'Somebody');
  vi.stubEnv('GIT_DIR', join(directory, 'elsewhere'));
  expect(await story()).toBe(first);
});

test('history is some hours old and its newest commit is what main says', async () => {
  const repository = await create();
  const newest = await repository.describe(await repository.head(signal), signal);
  expect(newest).toMatchObject({
    author: HISTORY.at(-1)?.author.name,
    subject: HISTORY.at(-1)?.subject,
    committedAt: '2026-01-31T05:00:00.000Z',
  });
  expect((await inBare('rev-list', '--count', 'main')).trim()).toBe(String(HISTORY.length));
  expect(await inBare('fsck', '--strict')).toBe('');
});

test('the bad commit hides one number among harmless lines', async () => {
  const repository = await create();
  const { revision, subject } = await repository.pushBad(signal);
  const changed = await inBare('diff', '--name-only', `${revision}~1`, revision);
  expect(changed.trim().split('\n')).toEqual([SERVICE_CONFIG_PATH, 'services/checkout/dashboard.json']);
  const diff = await inBare('diff', '--unified=0', `${revision}~1`, revision, '--', SERVICE_CONFIG_PATH);
  expect(diff.match(/^[-+] .*/gm)).toEqual([
    expect.stringContaining('"timeout_ms": 600'),
    expect.stringContaining('"timeout_ms": 20'),
  ]);
  expect(subject).not.toMatch(/bad|break|timeout/i);
});

test('innocent commits touch nothing that the service reads, and revert cleanly around', async () => {
  const repository = await create();
  const bad = await repository.pushBad(signal);
  for (let index = 0; index < repository.innocentCount; index += 1)
    await repository.pushInnocent(index, signal);
  const touched = await inBare('diff', '--name-only', bad.revision, 'main');
  expect(touched.trim().split('\n')).toHaveLength(3);
  expect(touched).not.toContain('services/checkout/');
  const merged = await inBare('merge-tree', 'main', bad.revision, `${bad.revision}~1`).catch(String);
  expect(merged).not.toContain('<<<<<<<');
});

test('a developer pushes on top of what others pushed', async () => {
  const repository = await create();
  const before = await repository.head(signal);
  const other = join(directory, 'other');
  await git(['clone', '--quiet', repository.path, other], { signal });
  await writeFile(join(other, 'OWNERS'), 'Ada\n');
  const author = { name: 'Other', email: 'other@shop.example', atMs: clock.nowMs() };
  await git(['-C', other, 'add', '.'], { signal });
  await git(['-C', other, 'commit', '--quiet', '-m', 'Owners'], { signal, author });
  await git(['-C', other, 'push', '--quiet'], { signal });
  const bad = await repository.pushBad(signal);
  expect(await inBare('show', `${bad.revision}:OWNERS`)).toBe('Ada\n');
  const pushes = await repository.pushes(signal);
  expect(pushes).toHaveLength(2);
  expect(pushes[0]?.before).toBe(before);
  expect(pushes[1]).toMatchObject({ before: pushes[0]?.after, after: bad.revision });
});

test('main cannot be rewritten or deleted by a push', async () => {
  const repository = await create();
  const head = await repository.head(signal);
  const clone = join(directory, 'developer');
  await git(['-C', clone, 'reset', '--quiet', '--hard', 'HEAD~1'], { signal });
  const push = (...args: readonly string[]) => git(['-C', clone, 'push', ...args], { signal });
  await expect(push('--force', 'origin', 'HEAD:main')).rejects.toMatchObject({ code: 'tool_failed' });
  await expect(push('origin', '--delete', 'main')).rejects.toMatchObject({ code: 'tool_failed' });
  expect(await repository.head(signal)).toBe(head);
});

test('a packed ref is still found, and a revision is checked out whole', async () => {
  const repository = await create();
  const head = await repository.head(signal);
  await inBare('pack-refs', '--all');
  expect(await repository.head(signal)).toBe(head);
  const target = join(directory, 'a release');
  await repository.checkOut(head, target, signal);
  const listed = await git(['-C', target, 'ls-files', '--others'], {
    signal,
    env: { GIT_DIR: join(directory, 'checkout.git'), GIT_WORK_TREE: target },
  });
  expect(listed.trim().split('\n')).toEqual(
    (await inBare('ls-tree', '-r', '--name-only', 'main')).trim().split('\n'),
  );
});

test('says what to install when git is missing', async () => {
  vi.stubEnv('PATH', directory);
  await expect(create()).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('install git'),
  });
});

test('an abort stops it', async () => {
  const abort = new AbortController();
  abort.abort();
  await expect(createRepository(directory, clock, abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
});
