import { spawn } from 'node:child_process';
import type { Duplex, Readable, Writable } from 'node:stream';
import { AppError } from '@carapulse/kernel';
import type { CommandResult, OutputChunk } from '@carapulse/tools';
import { OutputSanitizer } from './output-sanitizer.ts';

/** What the launcher reads on descriptor 3; `Spec` in native/launcher is its other half. */
export interface SuperviseSpec {
  readonly program: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: readonly string[];
  readonly files: ReadonlyArray<{ readonly path: string; readonly text: string }>;
  readonly readOnly: readonly string[];
  readonly readWrite: readonly string[];
  readonly devices: readonly string[];
  readonly identities: Readonly<Record<string, string>>;
  readonly confine: 'landlock' | 'bubblewrap' | 'none';
  readonly wrap: readonly string[];
  readonly namespaces: boolean;
  readonly egressSocket: string;
  readonly landlockAbi: number;
  readonly uid: number;
  readonly gid: number;
  readonly wallMs: number;
  readonly memoryBytes: number;
  readonly pids: number;
  readonly fileBytes: number;
  readonly openFiles: number;
  readonly cgroups: readonly string[];
}

interface SuperviseStatus {
  readonly code: number | null;
  readonly signal: number | null;
  readonly stoppedBy: '' | 'timeout' | 'memory' | 'pids';
  readonly error: string;
  readonly started: boolean;
}

const UNTOLD: SuperviseStatus = { code: null, signal: null, stoppedBy: '', error: '', started: true };

export interface SuperviseOptions {
  readonly launcher: string;
  readonly stdin?: string;
  readonly outputBytes: number;
  readonly signal: AbortSignal;
  readonly onOutput?: (chunk: OutputChunk) => void;
}

/**
 * Starts the launcher's supervisor with a spec and waits until the whole tree has ended.
 * @throws AppError `sandbox_unavailable` when the confinement could not be set up, `tool_failed` when the program
 * could not be started in it.
 */
export async function supervise(spec: SuperviseSpec, options: SuperviseOptions): Promise<CommandResult> {
  const started = performance.now();
  const child = spawn(options.launcher, ['supervise'], {
    cwd: '/',
    env: {},
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child as { stdin: Writable | null; stdout: Readable; stderr: Readable };
  // Descriptor 3 is a socket pair, so it goes both ways.
  const control = child.stdio[3] as Duplex;
  let stoppedBy: CommandResult['stoppedBy'] = null;
  const stop = (reason: 'output' | 'cancelled'): void => {
    if (stoppedBy !== null) return;
    stoppedBy = reason;
    control.write('stop\n');
  };
  const abort = (): void => stop('cancelled');
  const budget = { left: options.outputBytes };
  let listenerFailure: { readonly cause: unknown } | null = null;
  const tell = (chunk: OutputChunk): void => {
    try {
      if (listenerFailure === null) options.onOutput?.(chunk);
    } catch (cause) {
      listenerFailure = { cause };
      abort();
    }
  };
  const outputs = [
    collect(stdout, 'stdout', budget, tell, () => stop('output')),
    collect(stderr, 'stderr', budget, tell, () => stop('output')),
  ] as const;
  const statusText = readAll(control);
  const ended = Promise.withResolvers<void>();
  child.once('error', ended.reject);
  child.once('close', () => ended.resolve());
  // A program may close its input early; what it did not read is not a failure.
  stdin?.on('error', () => undefined);
  stdin?.end(options.stdin);
  control.write(`${JSON.stringify(spec)}\n`);
  options.signal.addEventListener('abort', abort, { once: true });
  if (options.signal.aborted) abort();
  try {
    await ended.promise;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    throw new AppError(
      'sandbox_unavailable',
      `The sandbox launcher ${options.launcher} cannot be started: ${why}`,
      { cause: error },
    );
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
  // A supervisor that was told to stop and ended by itself has ended the tree, whether or not it could still say so.
  const untold = stoppedBy !== null && child.signalCode === null && statusText() === '';
  const status = untold ? UNTOLD : readStatus(statusText(), child.signalCode);
  const [out, err] = [outputs[0](), outputs[1]()];
  if (listenerFailure !== null) throw (listenerFailure as { readonly cause: unknown }).cause;
  if (stoppedBy === null && status.stoppedBy !== '') stoppedBy = status.stoppedBy;
  if (stoppedBy === null) throwIfNotStarted(spec, status, err);
  return {
    exitCode: status.code,
    stdout: out,
    stderr: err,
    durationMs: Math.round(performance.now() - started),
    stoppedBy,
  };
}

function collect(
  stream: Readable,
  name: OutputChunk['stream'],
  budget: { left: number },
  onOutput: (chunk: OutputChunk) => void,
  onOverflow: () => void,
): () => string {
  const parts: Buffer[] = [];
  const sanitizer = new OutputSanitizer();
  const tell = (text: string): void => {
    if (text !== '') onOutput({ stream: name, text });
  };
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, budget.left);
    budget.left -= kept.length;
    if (kept.length > 0) {
      parts.push(kept);
      tell(sanitizer.push(kept));
    }
    if (kept.length < chunk.length) onOverflow();
  });
  stream.once('end', () => tell(sanitizer.end()));
  return () => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts));
}

function readAll(stream: Duplex): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  stream.on('error', () => undefined);
  return () => text;
}

function readStatus(text: string, signal: NodeJS.Signals | null): SuperviseStatus {
  try {
    return JSON.parse(text) as SuperviseStatus;
  } catch (error) {
    throw new AppError(
      'sandbox_unavailable',
      `The sandbox supervisor ended without telling how the run went (${signal ?? 'no signal'}); was it killed?`,
      { cause: error },
    );
  }
}

function throwIfNotStarted(spec: SuperviseSpec, status: SuperviseStatus, stderr: string): void {
  if (status.error.startsWith('cannot run ')) {
    throw new AppError('tool_failed', `In the sandbox: ${status.error}.`);
  }
  if (status.error !== '' || !status.started) {
    const reason = status.error === '' ? stderr.trim().slice(0, 500) : status.error;
    const hint =
      spec.uid < 0 ? '' : ` (commands run as uid ${spec.uid}, which must be able to reach their mounts)`;
    throw new AppError('sandbox_unavailable', `The sandbox could not be set up: ${reason}${hint}`);
  }
}
