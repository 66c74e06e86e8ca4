import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { openHaltDirectory, type HaltDirectory } from '@carapulse/halt-fs';
import { AppError, toTimestamp } from '@carapulse/kernel';
import { SYSTEM_CLOCK } from '../services/clock.ts';

export interface HaltOptions {
  readonly directory: string;
  readonly scope: string;
  readonly reason: string;
}

/** Stops every write of a scope by the installation's own files: needs no database, policy, gateway or token. */
export async function halt(options: HaltOptions): Promise<void> {
  await turn(options.directory, async (halts) => {
    await halts.halt(
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
  await turn(options.directory, async (halts) => {
    const was = await halts.resume(options.scope);
    process.stdout.write(was ? 'Writes may run again.\n' : `Nothing was halted under ${options.scope}.\n`);
  });
}

async function turn(directory: string, work: (halts: HaltDirectory) => Promise<void>): Promise<void> {
  const root = resolve(directory);
  if (!existsSync(root))
    throw new AppError('not_found', `There is no installation in ${root}; name it with --directory.`);
  const halts = openHaltDirectory(root);
  try {
    await work(halts);
  } finally {
    halts.close();
  }
}
