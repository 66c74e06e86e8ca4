import { readdir, readFile } from 'node:fs/promises';

/** The pids of live processes whose command line names a text, such as a test's own directory. */
export async function processesNaming(text: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  );
  return lines.filter(([, line]) => line.includes(text)).map(([pid]) => Number(pid));
}
