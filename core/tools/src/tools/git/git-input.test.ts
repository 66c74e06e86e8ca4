import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gitCommand } from './git-command.ts';
import { BranchName, GitSettings, ObjectId, RepositoryPath, Revision } from './git-settings.ts';
import { CommitAuthor, CommitMessage } from './revert-input.ts';
import { parseCommits } from './commit-record.ts';
import { parseNumstat } from './read-changes.ts';

const hostile = [
  '--upload-pack=touch x',
  '-c',
  '--',
  'main..other',
  'main@{1}',
  'main^{tree}',
  'HEAD~1',
  ':main',
  '+main',
  'main:other',
  'a b',
  'a;b',
  '$(x)',
  '`x`',
  'a\nb',
  'a\0b',
  'a*',
  '../x',
  '/etc',
  'x.lock',
  'x/.hidden',
  'x.',
  '',
  'ext::sh -c x',
];

describe('inputs of git', () => {
  test.each(hostile)('refuses %j as branch, revision and object id', (text) => {
    expect(BranchName.safeParse(text).success).toBe(false);
    expect(Revision.safeParse(text).success).toBe(false);
    expect(ObjectId.safeParse(text).success).toBe(false);
  });

  test('whatever passes as a branch is no flag, no expression and no refspec', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('-', '.', '/', '@', '{', '~', '^', ':', '*', 'a', '0', ' ') }),
    );
    fc.assert(
      fc.property(text, (name) => {
        if (!BranchName.safeParse(name).success) return;
        expect(name).toMatch(/^[A-Za-z0-9_]/);
        expect(name).not.toMatch(/\.\.|@\{|[\0-\x20~^:?*[\\\x7f]|\/\/|\/$|\.$|\.lock$/);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['../x', 'a/../b', '/etc/passwd', '-x', ':(exclude)x', 'a\nb', 'a\0b', ''])(
    'refuses the path %j',
    (path) => {
      expect(RepositoryPath.safeParse(path).success).toBe(false);
    },
  );

  test.each([
    ['git@github.com:o/r.git', /ssh/],
    ['ssh://host/r.git', /ssh/],
    ['git://host/r.git', /ssh/],
    ['http://host/r.git', /https/],
    ['https://user:secret@host/r.git', /without credentials/],
    ['ext::sh -c touch% x', /ssh|https/],
    ['relative/path', /absolute/],
    ['/srv/../etc', /absolute/],
    ['--upload-pack=x', /https/],
  ])('refuses the URL %s and says what to use', (url, message) => {
    const settings = { repositories: { shop: { url, default_branch: 'main', branches: ['main'] } } };
    const parsed = GitSettings.safeParse(settings);
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toMatch(message);
  });

  test('refuses authors and messages that would forge a header', () => {
    expect(CommitAuthor.safeParse({ name: 'A <b', email: 'a@b' }).success).toBe(false);
    expect(CommitAuthor.safeParse({ name: 'A\nparent x', email: 'a@b' }).success).toBe(false);
    expect(CommitAuthor.safeParse({ name: 'A', email: 'a@b> 0 +0000' }).success).toBe(false);
    expect(CommitMessage.safeParse('a\u001b[31m').success).toBe(false);
    expect(CommitMessage.safeParse('Two\n\nlines\n').success).toBe(true);
  });
});

test('the argv of a command isolates it from every configuration', () => {
  const repository = {
    name: 'shop',
    url: 'https://git.example.test:8443/shop.git',
    defaultBranch: 'main',
    branches: ['main'],
    egress: 'public' as const,
  };
  const fetch = gitCommand(
    repository,
    { scratch: '/s', mirror: '/s/mirror.git', keep: null },
    { access: 'read', args: ['fetch', '--end-of-options', 'u'] },
  );
  expect(fetch).toMatchInlineSnapshot(`
    {
      "argv": [
        "git",
        "--no-pager",
        "--literal-pathspecs",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.attributesFile=/dev/null",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.quotePath=false",
        "-c",
        "credential.helper=",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "-c",
        "fetch.writeCommitGraph=false",
        "-c",
        "fetch.unpackLimit=1",
        "-c",
        "http.lowSpeedLimit=1",
        "-c",
        "http.lowSpeedTime=60",
        "-c",
        "submodule.recurse=false",
        "-c",
        "protocol.allow=never",
        "-c",
        "protocol.file.allow=always",
        "-c",
        "protocol.https.allow=always",
        "--git-dir",
        "/s/mirror.git",
        "fetch",
        "--end-of-options",
        "u",
      ],
      "cwd": "/s",
      "egress": [
        {
          "addresses": "public",
          "host": "git.example.test",
          "port": 8443,
        },
      ],
      "env": {
        "GIT_ASKPASS": "/bin/false",
        "GIT_CONFIG_GLOBAL": "/s/mirror.git/gitconfig",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": "/s",
        "LC_ALL": "C",
        "TZ": "UTC",
      },
      "mounts": [
        {
          "mode": "rw",
          "path": "/s",
        },
      ],
      "shown": false,
    }
  `);
});

test('records parse whatever names and subjects hold', () => {
  const text = ['a'.repeat(40), '', 'T1', 'T2', 'e@x', 'N \x1f, "x"', 'subject: \t$(x)'].join('\n');
  expect(parseCommits(`${text}\0${text}\0`)).toHaveLength(2);
  expect(parseCommits(text)[0]).toMatchObject({
    parents: [],
    author: 'N \x1f, "x"',
    subject: 'subject: \t$(x)',
  });
  expect(parseNumstat('1\t2\ta\tb\0-\t-\tbin\0')).toEqual([
    { path: 'a\tb', added: 1, deleted: 2 },
    { path: 'bin', added: null, deleted: null },
  ]);
});
