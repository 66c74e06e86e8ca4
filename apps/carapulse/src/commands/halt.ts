import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { AppError, toTimestamp } from '@carapulse/kernel';
import { openHaltFile } from '../installation/halt-file.ts';
import { installationPaths } from '../installation/installation-paths.ts';
import { SYSTEM_CLOCK } from '../services/clock.ts';

const SCOPE = /^(\*|[a-z0-9][a-z0-9._-]{0,62})$/;

export interface HaltOptions {
  readonly directory: string;
  readonly scope: string;
  readonly reason: string;
}

/** Stops every write of a scope by the installation's own file: needs no database, policy, gateway or token. */
export async function halt(options: HaltOptions): Promise<void> {
  if (!SCOPE.test(options.scope))
    throw new AppError(
      'invalid_input',
      `'${options.scope}' is no scope, so nothing was halted; give * for everything, or the name of an environment.`,
    );
  await turn(options.directory, async (file) => {
    await file.halt(
      options.scope,
      options.reason,
      `os:${userInfo().username}`,
      toTimestamp(SYSTEM_CLOCK.nowMs()),
    );
    process.stdout.write(
      `Writes of ${options.scope === '*' ? 'everything' : options.scope} are halted. \`carapulse resume\` lets them go on.\n`,
    );
  });
}

/** Lets writes of a scope run again; runs that waited go on by themselves. */
export async function resume(options: Omit<HaltOptions, 'reason'>): Promise<void> {
  await turn(options.directory, async (file) => {
    const was = await file.resume(options.scope);
    process.stdout.write(was ? 'Writes may run again.\n' : `Nothing was halted under ${options.scope}.\n`);
  });
}

async function turn(
  directory: string,
  work: (file: ReturnType<typeof openHaltFile>) => Promise<void>,
): Promise<void> {
  const paths = installationPaths(resolve(directory));
  if (!existsSync(paths.root))
    throw new AppError('not_found', `There is no installation in ${paths.root}; name it with --directory.`);
  const file = openHaltFile(paths.halt);
  try {
    await work(file);
  } finally {
    file.close();
  }
}
