import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { AppError } from '@carapulse/kernel';

export interface History {
  readonly commits: number;
  /** Of each commit's one new file version; random text. */
  readonly bytes: number;
}

const FILES = 400;
const START = 1_700_000_000;

/** Appends commits to branch `main` of a bare repository, as fast as git takes them. @throws AppError `internal`. */
export async function growHistory(repository: string, { commits, bytes }: History, from = 0): Promise<void> {
  const args = ['-c', 'core.compression=0', '--git-dir', repository, 'fast-import', '--quiet', '--done'];
  const child = spawn('git', args, { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'close');
  const noise = Buffer.alloc(Math.ceil((bytes * 3) / 4));
  for (let n = from; n < from + commits; n += 1) {
    const parent = n === from && n > 0 ? 'from refs/heads/main^0\n' : '';
    const file = `services/s${n % 20}/f${n % FILES}`;
    const head = `commit refs/heads/main\ncommitter Dev <dev@example.test> ${START + n * 60} +0000\ndata 0\n${parent}`;
    child.stdin.write(`${head}M 100644 inline ${file}\ndata ${bytes}\n`);
    const text = randomFillSync(noise).toString('base64').slice(0, bytes);
    const accepted = child.stdin.write(`${text.replaceAll('/', '\n')}\n`);
    if (!accepted) await once(child.stdin, 'drain');
  }
  child.stdin.end('done\n');
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new AppError('internal', `git fast-import ended with ${code ?? 'a signal'}.`);
}
