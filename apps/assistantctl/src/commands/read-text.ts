import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { Session } from '../session/session.ts';

/** @throws AppError `invalid_input` naming the file when it can't be read. */
export async function readText(session: Session, file: string): Promise<string> {
  const path = resolve(session.terminal.cwd, file);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('invalid_input', `Cannot read ${path}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
