import { AppError, parseInput, toAppError } from '@carapulse/kernel';
import type { Clock, DocumentEditor, JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import type { EgressHttp } from './egress-http.ts';
import type { OutputRedactor, ProgramFinder, Workspace } from './router-ports.ts';
import type { RegisteredAction } from './registry.ts';
import type { CommandResult, OutputChunk, Sandbox } from './sandbox.ts';
import type { Observation, ToolRuntime } from './tool-definition.ts';
import { toolRefusal } from './tool-refusal.ts';

export interface SessionPorts {
  readonly sandbox: Sandbox;
  readonly egressHttp: EgressHttp;
  readonly workspace: Workspace;
  readonly programs: ProgramFinder;
  readonly redactor: OutputRedactor;
  readonly documents: DocumentEditor;
  readonly clock: Clock;
  /** Memory and processes of one command; time and output are the action's. */
  readonly commandLimits: { readonly memoryBytes: number; readonly pids: number };
}

/** One action bound to its input and to the ports that it may use. */
export interface ToolSession {
  /** Runs the action; the output is parsed with its schema and redacted. */
  readonly run: () => Promise<JsonValue>;
  /** Reads back whether the write has happened. */
  readonly observe: () => Promise<Observation>;
  /** The output of a write that was observed to be done, parsed and redacted. */
  readonly readBack: () => Promise<JsonValue>;
}

export interface SessionCall {
  readonly registered: RegisteredAction;
  readonly input: unknown;
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onOutput?: ((chunk: OutputChunk) => void) | undefined;
}

/**
 * Runs actions under limits. Each of the three calls gets its own scratch directory and its own time; commands of one
 * call share that time. Every error leaves redacted.
 */
export function openSession(ports: SessionPorts, call: SessionCall): ToolSession {
  const { registered, input } = call;
  const { action } = registered;
  const where = `${registered.tool}.${action.name}`;
  const within = async <T>(work: (runtime: ToolRuntime<unknown>) => Promise<T>): Promise<T> => {
    const lease = await ports.workspace.open(registered.tool, registered.scratch, call.signal);
    try {
      call.signal.throwIfAborted();
      return await work(runtimeOf(ports, call, lease));
    } catch (error) {
      throw redactError(asToolError(error, call.signal, where), ports.redactor);
    } finally {
      await lease.close();
    }
  };
  const typed = (raw: unknown): JsonValue => {
    try {
      return ports.redactor.json(parseInput(action.output, raw, `The output of ${where}`) as JsonValue);
    } catch (error) {
      throw new AppError('tool_failed', toAppError(error).message, {
        details: { reason: 'output_unparsable' },
      });
    }
  };
  return {
    run: async () => {
      const transport = action.transports.find(
        (candidate) => candidate.program === undefined || ports.programs.has(candidate.program),
      );
      if (transport === undefined) {
        const names = action.transports.map((candidate) => candidate.program).join(' or ');
        throw toolRefusal(
          'program_missing',
          `${where} needs ${names}, which is not installed here; install it.`,
          {
            effect: 'none',
          },
        );
      }
      return within(async (runtime) => typed(await transport.run(input, runtime)));
    },
    observe: () => within((runtime) => action.observe?.(input, runtime) ?? Promise.resolve('unknown')),
    readBack: () => within(async (runtime) => typed(await action.readBack?.(input, runtime))),
  };
}

function runtimeOf(
  ports: SessionPorts,
  call: SessionCall,
  lease: { readonly scratch: string; readonly cache: string },
): ToolRuntime<unknown> {
  const { action, settings, tool } = call.registered;
  const deadlineMs = ports.clock.monotonicMs() + call.timeoutMs;
  const remainingMs = (): number => {
    call.signal.throwIfAborted();
    const left = Math.floor(deadlineMs - ports.clock.monotonicMs());
    if (left > 0) return left;
    throw new AppError('timeout', `${tool}.${action.name} took longer than ${call.timeoutMs} ms.`, {
      retryable: true,
    });
  };
  const onOutput = call.onOutput;
  return {
    settings,
    scratch: lease.scratch,
    cache: lease.cache,
    documents: ports.documents,
    idempotencyKey: call.idempotencyKey,
    signal: call.signal,
    exec: async (command) => {
      const { shown = false, ...spec } = command;
      const watcher = shown && onOutput !== undefined ? watch(ports.redactor, onOutput) : null;
      const result = await ports.sandbox.run(
        {
          ...spec,
          env: command.env ?? {},
          limits: { ...ports.commandLimits, wallMs: remainingMs(), outputBytes: action.maxOutputBytes },
        },
        {
          signal: call.signal,
          ...(watcher !== null && { onOutput: watcher.chunk }),
        },
      );
      watcher?.end();
      assertEnded(result, `${command.argv[0]} of ${tool}.${action.name}`);
      return result;
    },
    http: (request) =>
      ports.egressHttp.request(
        { ...request, timeoutMs: remainingMs(), maxResponseBytes: action.maxOutputBytes, maxRedirects: 0 },
        call.signal,
      ),
  };
}

function assertEnded(result: CommandResult, what: string): void {
  switch (result.stoppedBy) {
    case null:
      return;
    case 'timeout':
      throw new AppError('timeout', `${what} ran out of time and was ended.`, { retryable: true });
    case 'cancelled':
      throw new AppError('cancelled', `${what} was ended before it finished.`);
    default:
      throw new AppError('tool_failed', `${what} passed its ${result.stoppedBy} limit and was ended.`, {
        details: { class: 'permanent', reason: `limit_${result.stoppedBy}` },
      });
  }
}

function asToolError(error: unknown, signal: AbortSignal, where: string): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof z.ZodError) {
    const issue = error.issues[0];
    return new AppError(
      'tool_failed',
      `${where} was answered in another shape than known at /${issue?.path.join('/') ?? ''}: ${issue?.message ?? ''}`,
      { details: { class: 'permanent', reason: 'answer_unparsable' } },
    );
  }
  if (signal.aborted) return new AppError('cancelled', `${where} was cancelled.`, { cause: error });
  return toAppError(error, 'tool_failed');
}

/** The cause is dropped: it may hold what the message no longer does. */
function redactError(error: AppError, redactor: OutputRedactor): AppError {
  const details = redactor.json(JSON.parse(JSON.stringify(error.details)) as JsonValue);
  return new AppError(error.code, redactor.text(error.message), {
    retryable: error.retryable,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    errors: error.errors.map((fault) => ({ ...fault, detail: redactor.text(fault.detail) })),
    details: details as Readonly<Record<string, unknown>>,
  });
}

/** Redacts output as it comes; one redaction a stream, so that a secret in two chunks is seen as one. */
function watch(redactor: OutputRedactor, onOutput: (chunk: OutputChunk) => void) {
  const streams = { stdout: redactor.stream(), stderr: redactor.stream() } as const;
  const give = (stream: OutputChunk['stream'], text: string): void => {
    if (text !== '') onOutput({ stream, text });
  };
  return {
    chunk: ({ stream, text }: OutputChunk): void => give(stream, streams[stream].push(text)),
    end: (): void => {
      give('stdout', streams.stdout.end());
      give('stderr', streams.stderr.end());
    },
  };
}
