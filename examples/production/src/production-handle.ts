import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError } from '@carapulse/kernel';
import { throwIfCancelled } from './cancellation.ts';
import { createControlClient, type Attachment, type ControlClient } from './control-client.ts';
import type { ProductionLine } from './events.ts';
import type { ProductionProcessArguments, ProductionProcessMessage } from './production-process.ts';
import { processStartTime } from './process-identity.ts';
import { readLiveState, type ProductionState } from './production-state.ts';
import type { Production } from './production.ts';

/** A production that runs in another process. */
export interface ProductionHandle extends Production {
  readonly pid: number;
  /** Resolves when this handle's connection ends, whoever ended it. */
  readonly ended: Promise<void>;
  /** Lets go without stopping: the production goes on for its `lingerMs`, or while somebody else holds it. */
  detach(): void;
}

export interface ProductionHandleOptions {
  readonly directory: string;
  /** Bounds the start; it has no effect on the production afterwards. */
  readonly signal: AbortSignal;
  readonly onLine?: (line: ProductionLine) => void;
}

export interface StartProductionOptions extends ProductionHandleOptions {
  /** How long it goes on when nobody holds it: 0 (the default) ends it with the process that started it. */
  readonly lingerMs?: number;
}

const STOP_WITHIN_MS = 4000;

/**
 * Starts a production as a process of its own in `directory` and holds it.
 * @throws AppError `conflict` when one already runs there, `unavailable` when it can't start, `cancelled` on abort.
 */
export async function startProductionProcess(options: StartProductionOptions): Promise<ProductionHandle> {
  const directory = resolve(options.directory);
  throwIfCancelled(options.signal, `The start of the production in ${directory}`);
  const child = await mkdir(directory, { recursive: true })
    .then(() => forkProduction({ directory, lingerMs: options.lingerMs ?? 0 }))
    .catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('unavailable', `Can't write in ${directory}: ${why}; choose another directory`, {
        cause,
      });
    });
  try {
    await untilReady(child, directory, options.signal);
    const handle = await attachProduction({ ...options, directory });
    return ownedHandle(handle, child);
  } catch (error) {
    await endProcess(child);
    throw error;
  }
}

/**
 * Holds the production that runs in `directory`.
 * @throws AppError `not_found` when none does, `unavailable` when it doesn't answer.
 */
export async function attachProduction(options: ProductionHandleOptions): Promise<ProductionHandle> {
  const directory = resolve(options.directory);
  const state = await readLiveState(directory);
  if (state?.running === null || state === null) {
    throw new AppError('not_found', `No production runs in ${directory}; start one there first`);
  }
  const { endpoints, controlToken } = state.running;
  const client = createControlClient(endpoints.platform, controlToken);
  const attachment = await client.attach(options.onLine ?? (() => undefined), options.signal);
  return createHandle(directory, state, state.running, client, attachment);
}

function createHandle(
  directory: string,
  { pid, started }: ProductionState,
  { repository, endpoints }: NonNullable<ProductionState['running']>,
  client: ControlClient,
  attachment: Attachment,
): ProductionHandle {
  const { ended } = attachment;
  return {
    directory,
    pid,
    repository,
    endpoints,
    ended,
    detach: () => attachment.close(),
    setAlertReceiver: (receiver, signal) => client.call('set-alert-receiver', { receiver }, signal),
    pushBadCommit: (signal) => client.call('push-bad-commit', null, signal),
    pushInnocentCommits: (signal) => client.call('push-innocent-commits', null, signal),
    breakOutsideGit: (signal) => client.call('break-outside-git', null, signal),
    hideSecondFault: (signal) => client.call('hide-second-fault', null, signal),
    repairOutsideGit: (signal) => client.call('repair-outside-git', null, signal),
    waitUntil: (state, signal, options = {}) => client.call('wait-until', { state, ...options }, signal),
    pids: (signal) => client.call('pids', null, signal),
    async stop() {
      const signal = AbortSignal.timeout(STOP_WITHIN_MS);
      const tooLate = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          reject(new AppError('timeout', `The production in ${directory} did not stop; end process ${pid}`));
        });
      });
      const gone = async () => {
        await client.call('stop', null, signal);
        await ended;
        while (!signal.aborted && (await processStartTime(pid)) === started) await delay(5);
      };
      await Promise.race([gone(), tooLate]);
    },
  };
}

/** The handle of whoever started the process: it can also wait for its end, and force it. */
function ownedHandle(handle: ProductionHandle, child: ChildProcess): ProductionHandle {
  return {
    ...handle,
    detach() {
      handle.detach();
      if (child.connected) child.disconnect();
      child.unref();
    },
    async stop() {
      await handle.stop().catch(() => undefined); // endProcess waits for it, whatever became of the request
      await endProcess(child);
      handle.detach();
    },
  };
}

/** Asks the process to end in order, and kills it when that takes too long. */
async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(timer);
}

function forkProduction(args: ProductionProcessArguments): ChildProcess {
  const log = openSync(join(args.directory, 'production.log'), 'a', 0o600);
  try {
    return fork(fileURLToPath(new URL('./production-process.ts', import.meta.url)), [JSON.stringify(args)], {
      cwd: args.directory,
      detached: true, // Ctrl-C in the terminal is for the process that started it; that one stops this in order
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC' },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', log, log, 'ipc'],
    });
  } finally {
    closeSync(log);
  }
}

async function untilReady(child: ChildProcess, directory: string, signal: AbortSignal): Promise<void> {
  const outcome = Promise.withResolvers<void>();
  const refuse = (text: string) =>
    outcome.reject(
      new AppError(
        'unavailable',
        `The production in ${directory} did not start: ${text}; see production.log`,
      ),
    );
  const onAbort = () =>
    outcome.reject(new AppError('cancelled', `The start of the production in ${directory} was cancelled`));
  const onMessage = (message: ProductionProcessMessage) => {
    if (message.kind === 'ready') outcome.resolve();
    else outcome.reject(new AppError(message.code, message.message));
  };
  const onExit = (status: number | null) => refuse(`it ended with status ${status}`);
  const onError = (error: Error) => refuse(error.message);
  signal.addEventListener('abort', onAbort, { once: true });
  child.on('message', onMessage).on('exit', onExit).on('error', onError);
  try {
    if (signal.aborted) onAbort();
    await outcome.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.off('message', onMessage).off('exit', onExit).off('error', onError);
  }
}
