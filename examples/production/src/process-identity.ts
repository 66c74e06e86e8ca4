import { readFile } from 'node:fs/promises';

/**
 * Start time of a process, field 22 of /proc/PID/stat in clock ticks since boot, so that a reused number is not taken
 * for it. Empty when there is no such process or only its zombie.
 */
export async function processStartTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' ? '' : (fields[18] ?? '');
}
