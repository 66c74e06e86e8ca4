import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import {
  COMMIT_AND_TREE_FORMAT,
  COMMIT_FORMAT,
  CommitRecord,
  parseCommits,
  parseCommitsAndTrees,
} from './commit-record.ts';
import { READ_MS } from './git-command.ts';
import type { GitRuntime } from './git-command.ts';
import type { Mirror } from './git-mirror.ts';
import { BranchName, findRepository, RepositoryName, RepositoryPath, Revision } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { Changes, readChanges } from './read-changes.ts';
import { settleAll } from '../../settle-all.ts';
import { withMirror } from './with-mirror.ts';

const LIMITS = { timeoutMs: READ_MS, maxOutputBytes: 4_000_000 };
const limit = z.int().min(1).max(500).default(50);

interface Target {
  readonly repository: string;
  readonly branch?: string | undefined;
}

const reads = {
  kind: 'read',
  repeat: 'convergent',
  revision: 1,
  effects: (input: Target) => [{ kind: 'read' as const, target: `git:${input.repository}` }],
  ...LIMITS,
} as const;

const cli = <Input>(run: (input: Input, runtime: GitRuntime) => Promise<unknown>) =>
  [{ kind: 'cli' as const, program: 'git', run }] as const;

const LogInput = z.strictObject({
  repository: RepositoryName,
  revision: Revision.optional(),
  branch: BranchName.optional(),
  paths: z.array(RepositoryPath).max(100).default([]),
  limit,
});
const LogOutput = z.strictObject({
  repository: z.string(),
  revision: z.string(),
  commits: z.array(CommitRecord),
  /** True when there are older commits than those listed. */
  truncated: z.boolean(),
});

export const log = defineAction<GitSettings, z.infer<typeof LogInput>, z.infer<typeof LogOutput>>({
  ...reads,
  name: 'log',
  description: 'Commits of a branch or up to a commit, newest first',
  input: LogInput,
  output: LogOutput,
  transports: cli((input, runtime) =>
    onBranchOf(runtime, input, (mirror, name) => readLog(mirror, name, input.paths, input.limit)),
  ),
  commands: (input, settings) =>
    clone(settings, input, [
      'log',
      `--max-count=${input.limit}`,
      input.revision ?? 'HEAD',
      '--',
      ...input.paths,
    ]),
});

const TouchingInput = z.strictObject({
  repository: RepositoryName,
  branch: BranchName.optional(),
  path: RepositoryPath,
  limit,
});

export const commitsTouching = defineAction<
  GitSettings,
  z.infer<typeof TouchingInput>,
  z.infer<typeof LogOutput>
>({
  ...reads,
  name: 'commits_touching',
  description: 'Commits of a branch that changed a path, newest first',
  input: TouchingInput,
  output: LogOutput,
  transports: cli((input, runtime) =>
    withMirror(runtime, input.repository, input.branch, (mirror) =>
      readLog(mirror, mirror.branch, [input.path], input.limit),
    ),
  ),
  commands: (input, settings) =>
    clone(settings, input, ['log', `--max-count=${input.limit}`, '--', input.path]),
});

const ShowInput = z.strictObject({
  repository: RepositoryName,
  revision: Revision,
  branch: BranchName.optional(),
});
const ShowOutput = z.strictObject({
  repository: z.string(),
  ...CommitRecord.shape,
  tree: z.string(),
  /** Against the first parent. */
  ...Changes.shape,
});

export const show = defineAction<GitSettings, z.infer<typeof ShowInput>, z.infer<typeof ShowOutput>>({
  ...reads,
  name: 'show',
  description: 'One commit with its changes against its first parent',
  input: ShowInput,
  output: ShowOutput,
  transports: cli((input, runtime) => onBranchOf(runtime, input, readCommit)),
  commands: (input, settings) => clone(settings, input, ['show', input.revision]),
});

const DiffInput = z.strictObject({
  repository: RepositoryName,
  from: Revision,
  to: Revision,
  branch: BranchName.optional(),
});
const DiffOutput = z.strictObject({
  repository: z.string(),
  from: z.string(),
  to: z.string(),
  ...Changes.shape,
});

export const diff = defineAction<GitSettings, z.infer<typeof DiffInput>, z.infer<typeof DiffOutput>>({
  ...reads,
  name: 'diff',
  description: 'What changed between two commits of a branch',
  input: DiffInput,
  output: DiffOutput,
  transports: cli((input, runtime) =>
    withMirror(runtime, input.repository, input.branch, (mirror) => readDiff(mirror, input.from, input.to)),
  ),
  commands: (input, settings) => clone(settings, input, ['diff', input.from, input.to]),
});

const ResolveInput = z.strictObject({ repository: RepositoryName, branch: BranchName.optional() });
const ResolveOutput = z.strictObject({
  repository: z.string(),
  branch: z.string(),
  revision: z.string(),
  tree: z.string(),
});

export const resolve = defineAction<GitSettings, z.infer<typeof ResolveInput>, z.infer<typeof ResolveOutput>>(
  {
    ...reads,
    name: 'resolve',
    description: 'The commit and tree that a branch is at',
    input: ResolveInput,
    output: ResolveOutput,
    transports: cli((input, runtime) =>
      withMirror(runtime, input.repository, input.branch, async (mirror) => {
        const args = ['log', '--no-show-signature', '--max-count=1', '--format=%H %T'] as const;
        const [revision = '', tree = ''] = (await mirror.git(...args, '--end-of-options', mirror.ref, '--'))
          .trim()
          .split(' ');
        return { repository: input.repository, branch: mirror.branch, revision, tree };
      }),
    ),
    commands: (input, settings) => clone(settings, input, ['rev-parse', 'HEAD', 'HEAD^{tree}']),
  },
);

/** A revision that is a listed branch is that branch; anything else is looked for on the given or default one. */
function onBranchOf<T>(
  runtime: GitRuntime,
  input: Target & { readonly revision?: string | undefined },
  work: (mirror: Mirror, revision: string) => Promise<T>,
): Promise<T> {
  const { branches } = findRepository(runtime.settings, input.repository);
  const named =
    input.revision !== undefined && branches.includes(input.revision) ? input.revision : undefined;
  return withMirror(runtime, input.repository, input.branch ?? named, (mirror) =>
    work(mirror, input.revision ?? mirror.branch),
  );
}

async function readLog(
  mirror: Mirror,
  revision: string,
  paths: readonly string[],
  max: number,
): Promise<z.infer<typeof LogOutput>> {
  const at = await mirror.locate(revision);
  const [, id, text] = await settleAll([
    mirror.assertHas(at),
    // Without paths the first commit listed is the one.
    paths.length > 0 ? mirror.idOf(at) : Promise.resolve(null),
    mirror.git(
      'log',
      '-z',
      '--no-show-signature',
      `--max-count=${max + 1}`,
      COMMIT_FORMAT,
      '--end-of-options',
      at,
      '--',
      ...paths,
    ),
  ]);
  const commits = parseCommits(text);
  return {
    repository: mirror.repository.name,
    revision: id ?? commits[0]?.revision ?? '',
    commits: commits.slice(0, max),
    truncated: commits.length > max,
  };
}

async function readCommit(mirror: Mirror, revision: string): Promise<z.infer<typeof ShowOutput>> {
  const at = await mirror.locate(revision);
  const log = ['log', '-z', '--no-show-signature', '--max-count=1', '--diff-merges=first-parent'] as const;
  const [, { head, changes }] = await settleAll([
    mirror.assertHas(at),
    readChanges(
      (options) => mirror.git(...log, COMMIT_AND_TREE_FORMAT, ...options, '--end-of-options', at, '--'),
      /\0\n?/,
    ),
  ]);
  const [found] = parseCommitsAndTrees(head);
  if (found === undefined) throw mirror.unknown(revision);
  return { repository: mirror.repository.name, ...found.commit, tree: found.tree, ...changes };
}

async function readDiff(mirror: Mirror, from: string, to: string): Promise<z.infer<typeof DiffOutput>> {
  const [a, b] = await settleAll([mirror.locate(from), mirror.locate(to)]);
  const [, , { changes }, first, second] = await settleAll([
    mirror.assertHas(a),
    mirror.assertHas(b),
    readChanges((options) => mirror.git('diff-tree', '-r', ...options, '--end-of-options', a, b)),
    mirror.idOf(a),
    mirror.idOf(b),
  ]);
  return { repository: mirror.repository.name, from: first, to: second, ...changes };
}

function clone(settings: GitSettings, input: Target, args: readonly string[]): readonly string[] {
  const repository = findRepository(settings, input.repository);
  const branch = input.branch ?? repository.defaultBranch;
  return [
    shellLine(['git', 'clone', '--branch', branch, '--', repository.url, repository.name]),
    shellLine(['git', '-C', repository.name, ...args]),
  ];
}
