import type { CommandResult, CommandSpec } from '../../sandbox.ts';
import { gitArgv, gitCommand, gitEnv, globalConfigOf } from './git-command.ts';
import type { GitPlace, GitRuntime } from './git-command.ts';
import { privateRef } from './git-mirror.ts';
import type { Repository } from './git-settings.ts';
import { settleAll } from '../../settle-all.ts';

/** After so long nothing that a call left behind can be in use: calls are over in minutes. */
const STALE_MINUTES = 60;

/**
 * The objects of one repository, kept between calls. Owner: the git tool. Boundary: `<cache>/<repository>.git` and
 * what begins with `<cache>/<repository>.git+`.
 *  1. Nothing here is trusted or needed: no failure, of a lock, a disk or a concurrent call, is the caller's.
 *  2. A keep appears whole, by a rename, after it was written to the disk; from then on objects are only added, each
 *     time as one pack with all that its commits need, and refs move after them.
 *  3. Commands that speak with the origin or read for a caller never see it writable.
 */
export interface Keep {
  readonly path: string;
  /** Adds what the mirror, which borrows from the keep, has fetched. */
  add(place: GitPlace, branch: string): Promise<void>;
  /** Copies a mirror that is whole to beside the keep. @returns whether there is a copy. */
  copy(place: GitPlace): Promise<boolean>;
  /** Makes the copy the keep; one that is there already stays, or goes aside when it is damaged. */
  install(existing: 'stays' | 'damaged'): Promise<void>;
  discard(): Promise<void>;
}

export function keepOf(runtime: GitRuntime, repository: Repository): Keep {
  const { cache, scratch } = runtime;
  const name = `${repository.name}.git`;
  const path = `${cache}/${name}`;
  const aside = `${path}+aside`;
  const copy = `${path}+new-${scratch.slice(scratch.lastIndexOf('/') + 1)}`;
  const env = gitEnv(scratch, globalConfigOf({ mirror: path, keep: null }));
  const run = (
    cwd: string,
    argv: CommandSpec['argv'],
    mounts: CommandSpec['mounts'],
  ): Promise<CommandResult> => runtime.exec({ argv, cwd, env, mounts, egress: [] });
  const inCache = async (...argv: CommandSpec['argv']): Promise<boolean> =>
    (await run(cache, argv, [{ path: cache, mode: 'rw' }])).exitCode === 0;
  const gitInKeep = (...args: readonly [string, ...string[]]): Promise<CommandResult> =>
    run(scratch, gitArgv(path, args, ['core.fsync=all']), [
      { path: scratch, mode: 'ro' },
      { path, mode: 'rw' },
    ]);
  const removeStale = (): Promise<boolean> => {
    const left = [
      '+new-*',
      '/*.lock',
      ...['tmp_*', '.tmp-*', '*.keep'].map((file) => `/objects/pack/${file}`),
    ];
    const paths = left.flatMap((pattern) => ['-o', '-path', `./${name}${pattern}`]).slice(1);
    return inCache('find', '.', '-mmin', `+${STALE_MINUTES}`, '(', ...paths, ')', '-delete');
  };
  /** Whether all its refs are, and name commits that it has. */
  const isSound = async (): Promise<boolean> => {
    const { exitCode, stdout, stderr } = await gitInKeep('rev-list', '--no-walk', '--all');
    return exitCode === 0 && stdout !== '' && stderr === '';
  };
  const setAside = async (): Promise<void> => {
    await inCache('rm', '-rf', '--', aside);
    await inCache('mv', '-T', '--', path, aside);
  };
  return {
    path,
    add: async (place, branch) => {
      const ref = privateRef(branch);
      const bundle = `${scratch}/new.bundle`;
      await attempt(async () => {
        const args = ['bundle', 'create', '--quiet', bundle, ref, '--not', '--alternate-refs'] as const;
        const options = ['--quiet', '--no-tags', '--no-write-fetch-head', '--end-of-options'];
        const made = await runtime.exec(gitCommand(repository, place, { args }));
        const added =
          made.exitCode === 0 ? await gitInKeep('fetch', ...options, bundle, `+${ref}:${ref}`) : made;
        // Another call at work, or no room, says nothing against the keep.
        if (added.exitCode !== 0 && (isUnreadable(made) || !(await isSound()))) await setAside();
        else await settleAll([gitInKeep('repack', '--geometric=2', '-d', '-q', '-n'), removeStale()]);
        return true;
      });
    },
    copy: (place) =>
      attempt(async () => {
        const copied = await run(
          cache,
          ['cp', '-r', '-T', '--', place.mirror, copy],
          [
            { path: scratch, mode: 'ro' },
            { path: cache, mode: 'rw' },
          ],
        );
        return copied.exitCode === 0;
      }),
    install: async (existing) => {
      const installed = await attempt(async () => {
        if (!(await inCache('find', copy, '-exec', 'sync', '--', '{}', '+'))) return false;
        if (existing === 'damaged') await setAside();
        // Refused when another call was quicker.
        return inCache('mv', '-T', '--', copy, path);
      });
      if (!installed) await attempt(() => inCache('rm', '-rf', '--', copy));
    },
    discard: async () => {
      await attempt(() => inCache('rm', '-rf', '--', copy));
    },
  };
}

function isUnreadable({ exitCode, stderr }: CommandResult): boolean {
  return exitCode !== 0 && !/empty bundle|No space left|quota exceeded/i.test(stderr);
}

/** Whether it was done; a cache that can't be kept is no reason to fail. */
async function attempt(work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch {
    return false;
  }
}
