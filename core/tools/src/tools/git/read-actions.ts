import { z } from 'zod';
import { shellLine } from '../../shell-quote.ts';
import { defineAction } from '../../tool-definition.ts';
import { COMMIT_FORMAT, CommitRecord, parseCommits } from './commit-record.ts';
import type { GitRuntime } from './git-command.ts';
import { openMirror } from './git-mirror.ts';
import type { Mirror } from './git-mirror.ts';
import { BranchName, findRepository, RepositoryName, RepositoryPath, Revision } from './git-settings.ts';
import type { GitSettings } from './git-settings.ts';
import { Changes, readChanges } from './read-changes.ts';
import { settleAll } from './settle-all.ts';

const LIMITS = { timeoutMs: 60_000, maxOutputBytes: 4_000_000 };
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
  transports: cli(async (input, runtime) => {
    const { mirror, name } = await mirrorFor(runtime, input);
    return readLog(mirror, await mirror.commitOf(name), input.paths, input.limit);
  }),
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
  transports: cli(async (input, runtime) => {
    const mirror = await openMirror(runtime, input.repository, input.branch);
    return readLog(mirror, await mirror.commitOf(mirror.branch), [input.path], input.limit);
  }),
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
  transports: cli(async (input, runtime) => {
    const { mirror, name } = await mirrorFor(runtime, input);
    const { commit: revision, tree } = await mirror.commitAndTreeOf(name);
    const [commit] = parseCommits(
      await mirror.git('log', '-z', '--max-count=1', COMMIT_FORMAT, '--end-of-options', revision),
    );
    const changes = await readChanges(mirror, commit?.parents[0] ?? null, revision);
    return { repository: input.repository, ...commit, tree, ...changes };
  }),
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
  transports: cli(async (input, runtime) => {
    const mirror = await openMirror(runtime, input.repository, input.branch);
    const [from, to] = await settleAll([mirror.commitOf(input.from), mirror.commitOf(input.to)]);
    return { repository: input.repository, from, to, ...(await readChanges(mirror, from, to)) };
  }),
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
    transports: cli(async (input, runtime) => {
      const mirror = await openMirror(runtime, input.repository, input.branch);
      const { commit: revision, tree } = await mirror.commitAndTreeOf(mirror.branch);
      return { repository: input.repository, branch: mirror.branch, revision, tree };
    }),
    commands: (input, settings) => clone(settings, input, ['rev-parse', 'HEAD', 'HEAD^{tree}']),
  },
);

/** A revision that is a listed branch is that branch; anything else is looked for on the given or default one. */
async function mirrorFor(
  runtime: GitRuntime,
  input: Target & { readonly revision?: string | undefined },
): Promise<{ mirror: Mirror; name: string }> {
  const { branches } = findRepository(runtime.settings, input.repository);
  const named =
    input.revision !== undefined && branches.includes(input.revision) ? input.revision : undefined;
  const mirror = await openMirror(runtime, input.repository, input.branch ?? named);
  return { mirror, name: input.revision ?? mirror.branch };
}

async function readLog(
  mirror: Mirror,
  revision: string,
  paths: readonly string[],
  max: number,
): Promise<z.infer<typeof LogOutput>> {
  const text = await mirror.git(
    'log',
    '-z',
    '--no-show-signature',
    `--max-count=${max + 1}`,
    COMMIT_FORMAT,
    '--end-of-options',
    revision,
    '--',
    ...paths,
  );
  const commits = parseCommits(text);
  return {
    repository: mirror.repository.name,
    revision,
    commits: commits.slice(0, max),
    truncated: commits.length > max,
  };
}

function clone(settings: GitSettings, input: Target, args: readonly string[]): readonly string[] {
  const repository = findRepository(settings, input.repository);
  const branch = input.branch ?? repository.defaultBranch;
  return [
    shellLine(['git', 'clone', '--branch', branch, '--', repository.url, repository.name]),
    shellLine(['git', '-C', repository.name, ...args]),
  ];
}
