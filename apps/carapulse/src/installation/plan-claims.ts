import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';

const NAME = /^[a-z0-9_]{1,64}$/;

/**
 * Which execution a plan belongs to, for ever: one file a plan, made exclusively and synced. Lies outside the
 * database, so that whoever owns the database cannot have an approved plan carried out a second time.
 */
export function openPlanClaims(directory: string): (planId: string, executionId: string) => Promise<string> {
  return async (planId, executionId) => {
    if (!NAME.test(planId) || !NAME.test(executionId)) {
      throw new AppError('invalid_input', `${planId} or ${executionId} is not an id.`);
    }
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, planId);
    try {
      const file = await open(path, 'wx', 0o600);
      try {
        await file.writeFile(executionId);
        await file.sync();
      } finally {
        await file.close();
      }
      await syncDirectory(directory);
      return executionId;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = (await readFile(path, 'utf8')).trim();
      // A crash between creation and content: nothing ran, because the claim never resolved; but whose it was is lost.
      if (holder === '')
        throw new AppError(
          'outcome_unknown',
          `The claim ${path} is empty; look at the plan's execution, then remove it.`,
        );
      return holder;
    }
  };
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
