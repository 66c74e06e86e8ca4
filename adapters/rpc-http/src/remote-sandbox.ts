/**
 * The sandbox of another process of this machine. Owner: the tool router's composition. Boundary: an `RpcConnection`.
 * 1. A caller that gives up hears when nothing of the command is left; one that dies leaves nothing running either:
 *    the connection's end is the command's end.
 * 2. What was lost is `sandbox_unavailable`; a command is never run a second time by itself.
 * 3. `status` is what the sandbox said last; while it doesn't answer, no backend is in force.
 * A command's directories are named, not sent, so both processes see the same file system.
 */
import { SANDBOX_RPC, fromRpcProblem, type SandboxFrame } from '@carapulse/contract';
import { AppError } from '@carapulse/kernel';
import type { CommandResult, CommandSpec, OutputChunk, Sandbox, SandboxStatus } from '@carapulse/tools';
import { cancellably } from './cancellably.ts';
import { LostRpc, type RpcConnection } from './rpc-connection.ts';

export interface RemoteSandbox extends Sandbox {
  /** Whom commands run as: as the sandbox said, which is asked while it hasn't; null when it doesn't answer. */
  runAs(signal: AbortSignal): Promise<{ readonly uid: number; readonly gid: number } | null>;
  /** Asks for the status anew. Never throws for a sandbox that doesn't answer: the status says so. */
  refresh(signal: AbortSignal): Promise<SandboxStatus>;
}

export function createRemoteSandbox(connection: RpcConnection): RemoteSandbox {
  let status: SandboxStatus = away(connection.url, 'not asked yet');
  let runAs: Awaited<ReturnType<RemoteSandbox['runAs']>> = null;
  const refresh: RemoteSandbox['refresh'] = async (signal) => {
    try {
      const told = await connection.call(SANDBOX_RPC.getStatus, {}, signal);
      runAs = told.run_as;
      status = {
        backend: told.backend,
        detail: `${told.detail}; by ${connection.url}`,
        unavailable: told.unavailable,
      };
    } catch (error) {
      const why = signal.aborted ? "it didn't answer in time" : (error as Error).message;
      status = away(connection.url, why);
    }
    return status;
  };
  return {
    runAs: async (signal) => {
      if (runAs === null) await refresh(signal);
      return runAs;
    },
    status: () => status,
    refresh,
    run: async (command, { signal, onOutput }) => {
      if (signal.aborted) return CANCELLED;
      try {
        return await run(connection, command, signal, onOutput);
      } catch (error) {
        if (!(error instanceof LostRpc)) throw error;
        status = away(connection.url, error.message);
        throw new AppError('sandbox_unavailable', `The sandbox at ${error.message}`, {
          cause: error,
          retryable: true,
        });
      }
    },
  };
}

/** JSON has six for a control character of one byte; the rest is the frame's own. */
const FRAME_BYTES_PER_BYTE = 6;
const FRAME_BYTES = 64 * 1024;
/** Longer than a supervisor needs to end a tree of processes. */
const CANCEL_GRACE_MS = 10_000;
const CANCELLED: CommandResult = {
  exitCode: null,
  stdout: '',
  stderr: '',
  durationMs: 0,
  stoppedBy: 'cancelled',
};

function away(url: string, why: string): SandboxStatus {
  return { backend: null, detail: `${url}: ${why}`, unavailable: [] };
}

async function run(
  connection: RpcConnection,
  command: CommandSpec,
  signal: AbortSignal,
  onOutput: ((chunk: OutputChunk) => void) | undefined,
): Promise<CommandResult> {
  const [program, ...words] = command.argv;
  let last: Extract<SandboxFrame, { kind: 'result' | 'problem' }> | null = null;
  const spec = {
    ...command,
    argv: [program, ...words] as [string, ...string[]],
    mounts: [...command.mounts],
    egress: [...command.egress],
    files: [...(command.files ?? [])],
    follow: onOutput !== undefined,
  };
  const onFrame = (frame: SandboxFrame): void => {
    if (frame.kind === 'output') onOutput?.({ stream: frame.stream, text: frame.text });
    else if (frame.kind !== 'ping') last = frame;
  };
  const cancel = SANDBOX_RPC.cancelCommand;
  await cancellably({ connection, cancel, graceMs: CANCEL_GRACE_MS, signal }, (callId, line) =>
    connection.stream(SANDBOX_RPC.runCommand, { ...spec, call_id: callId }, onFrame, line, {
      maxFrameBytes: FRAME_BYTES + FRAME_BYTES_PER_BYTE * command.limits.outputBytes,
    }),
  );
  // TypeScript doesn't see that the callback has assigned it.
  const ended = last as Extract<SandboxFrame, { kind: 'result' | 'problem' }> | null;
  if (ended === null) throw new LostRpc(`${connection.url} ended without telling how the command went`, true);
  if (ended.kind === 'problem') throw fromRpcProblem(ended.problem);
  const { kind: _, ...result } = ended;
  return result;
}
