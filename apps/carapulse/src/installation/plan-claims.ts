/**
 * What may still be written under a plan, as files beside the database. Owner: the tool router. Boundary: one directory.
 * 1. A plan belongs to the first execution that claims it, for ever; the file appears whole and synced, or not at all.
 * 2. A plan that is closed grants nothing any more, to its own execution neither.
 * So whoever owns the database can neither carry a plan out twice nor bring back one that was given up or has ended.
 */
import { randomBytes } from 'node:crypto';
import { access, link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';

const NAME = /^[a-z0-9_]{1,64}$/;

export interface PlanClaims {
  /** @returns the execution that holds the plan. @throws AppError `approval_invalid` when the plan is closed. */
  readonly claim: (planId: string, executionId: string) => Promise<string>;
  /** Idempotent. */
  readonly close: (planId: string, reason: string) => Promise<void>;
}

export function openPlanClaims(directory: string): PlanClaims {
  const claimed = (planId: string): string => join(directory, planId);
  const closed = (planId: string): string => join(directory, `${planId}.closed`);
  return {
    claim: async (planId, executionId) => {
      assertIds(planId, executionId);
      if (await exists(closed(planId))) {
        const why = (await readFile(closed(planId), 'utf8')).trim();
        throw new AppError('approval_invalid', `Plan ${planId} is closed (${why}); make a new one.`, {
          details: { reason: 'plan_closed', effect: 'none' },
        });
      }
      await putOnce(directory, claimed(planId), executionId);
      return (await readFile(claimed(planId), 'utf8')).trim();
    },
    close: async (planId, reason) => {
      assertIds(planId);
      await putOnce(directory, closed(planId), reason);
    },
  };
}

function assertIds(...ids: readonly string[]): void {
  const wrong = ids.find((id) => !NAME.test(id));
  if (wrong !== undefined) throw new AppError('invalid_input', `${wrong} is not an id.`);
}

/** The first content stays. A link to a synced file is all or nothing, whatever is killed meanwhile. */
async function putOnce(directory: string, path: string, content: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (await exists(path)) return;
  const temporary = join(directory, `.${randomBytes(8).toString('hex')}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(temporary);
  }
  await syncDirectory(directory);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
