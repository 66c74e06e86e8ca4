import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SHORT_LIVED } from './short-lived.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'apps', 'carapulse', 'src', 'main.ts');

export interface DemoRun {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs `carapulse demo` as a newcomer would; `until` kills it with SIGKILL once its output matches. */
export function runDemo(directory: string, args: readonly string[], until?: RegExp): Promise<DemoRun> {
  return run([...args, '--directory', directory, '--exit'], until);
}

/** `carapulse demo cluster`. */
export function runClusterDemo(directory: string, args: readonly string[]): Promise<DemoRun> {
  return run(['cluster', ...args, '--directory', directory, '--exit', '--yes']);
}

function run(args: readonly string[], until?: RegExp): Promise<DemoRun> {
  const child = spawn(process.execPath, [...SHORT_LIVED, MAIN, 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let output = '';
  const hear = (chunk: string): void => {
    output += chunk;
    if (until?.test(output) === true) child.kill('SIGKILL');
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, output }));
  });
}

/** Processes that name a directory on their command line or work in it. */
export function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const at = readlinkSync(`/proc/${pid}/cwd`);
        return line.includes(directory) || at.startsWith(directory) ? [`${pid} ${line}`] : [];
      } catch {
        return []; // ended meanwhile, or somebody else's
      }
    });
}
