// Owner: whoever started it. Boundary: one program, its process group, its log file.
// 1. It never outlives its owner: stop() ends the whole group, and the kernel kills the program when its owner dies.
// 2. When startServerProcess or untilReady has failed, or `ended` or stop() has resolved, the program is gone and whatever
//    it started has been killed.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@carapulse/kernel';

export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves with a description once the program is gone; never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM to the group, SIGKILL when the program takes too long; once it is gone, nothing. Safe to repeat. */
  readonly stop: () => Promise<void>;
}

export interface ServerProcessOptions {
  readonly name: string;
  readonly binary: string;
  readonly args: readonly string[];
  /** Working directory and home of the program; its log is `<name>.log` there. */
  readonly directory: string;
  readonly env?: Readonly<Record<string, string>>;
}

const STOP_WITHIN_MS = 10_000;
const READY_WITHIN_MS = 90_000;
const ASK_EVERY_MS = 50;
const LOG_TAIL = 2000;

/** @throws AppError `unavailable` when the program can't be run. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { name, binary, directory } = options;
  const logFile = join(directory, `${name}.log`);
  const log = openSync(logFile, 'a');
  // A group of its own: Ctrl-C reaches the owner alone, which stops its servers in order.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', binary, ...options.args], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', HOME: directory, TMPDIR: directory, ...options.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  let gone = false;
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`couldn't be run: ${error.message}`));
    child.once('exit', (code, by) => {
      // At once: later the number may be somebody else's.
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
      gone = true;
      resolve(by === null ? `ended with status ${code}` : `ended by ${by}`);
    });
  });
  const { pid } = child;
  if (pid === undefined)
    throw new AppError('unavailable', `${name} ${await ended}; setpriv comes with util-linux`);
  const signalIt = (signal: NodeJS.Signals): void => {
    if (!gone) signalGroup(pid, signal);
  };
  let stopping: Promise<void> | undefined;
  return { name, pid, logFile, ended, stop: () => (stopping ??= endGroup(signalIt, ended)) };
}

async function endGroup(signalIt: (signal: NodeJS.Signals) => void, ended: Promise<string>): Promise<void> {
  signalIt('SIGTERM');
  const patience = new AbortController();
  const late = delay(STOP_WITHIN_MS, undefined, { signal: patience.signal }).catch(() => undefined);
  await Promise.race([ended, late]);
  patience.abort();
  signalIt('SIGKILL');
  await ended;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

/**
 * Asks until `probe` says true; a probe that throws isn't there yet. Stops the process when it fails.
 * @throws AppError `unavailable` when it ends before or takes too long, `cancelled` on abort.
 */
export async function untilReady(
  server: ServerProcess,
  probe: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const tooLong = AbortSignal.timeout(READY_WITHIN_MS);
  const asking = AbortSignal.any([signal, tooLong]);
  let how: string | undefined;
  void server.ended.then((description) => (how = description));
  while (!(await probe(asking).catch(() => false))) {
    await delay(ASK_EVERY_MS, undefined, { signal: asking }).catch(() => undefined);
    if (!asking.aborted && how === undefined) continue;
    await server.stop();
    if (signal.aborted) throw new AppError('cancelled', `The start of ${server.name} was cancelled`);
    const tail = (await readFile(server.logFile, 'utf8')).trimEnd().slice(-LOG_TAIL);
    throw new AppError(
      'unavailable',
      `${server.name} ${how ?? `wasn't ready after ${READY_WITHIN_MS / 1000} s`}; ${server.logFile} ends with:\n${tail}`,
    );
  }
}
