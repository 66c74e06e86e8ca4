import { z } from 'zod';
import { CallId, procedure } from './procedure.ts';
import { RpcProblem } from './rpc-problem.ts';

const path = z.string().min(1).max(4096);
const count = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** `CommandSpec` of the sandbox's port; the sandbox itself judges paths, mounts and rules. */
const RunCommandInput = z.strictObject({
  call_id: CallId,
  argv: z.tuple([z.string().min(1)], z.string()),
  cwd: path,
  env: z.record(z.string(), z.string()),
  stdin: z.string().optional(),
  files: z.array(z.strictObject({ path, text: z.string() })).optional(),
  mounts: z.array(z.strictObject({ path, mode: z.enum(['ro', 'rw']) })),
  egress: z.array(
    z.strictObject({
      host: z.string().min(1).max(253),
      port: z.int().min(1).max(65_535),
      addresses: z.enum(['public', 'private']),
    }),
  ),
  limits: z.strictObject({ wallMs: count, memoryBytes: count, pids: count, outputBytes: count }),
  /** Output is sent as it comes; it is in the result in any case. */
  follow: z.boolean(),
});

export const SandboxFrame = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('output'), stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({ kind: z.literal('ping') }),
  z.object({
    kind: z.literal('result'),
    exitCode: z.int().nullable(),
    stdout: z.string(),
    stderr: z.string(),
    durationMs: z.number(),
    stoppedBy: z.enum(['timeout', 'memory', 'pids', 'output', 'cancelled']).nullable(),
  }),
  z.object({ kind: z.literal('problem'), problem: RpcProblem }),
]);
export type SandboxFrame = z.infer<typeof SandboxFrame>;

const SandboxStatusOutput = z.object({
  backend: z.enum(['gvisor', 'bubblewrap', 'launcher', 'none']).nullable(),
  detail: z.string(),
  unavailable: z.array(z.object({ backend: z.string(), reason: z.string(), fix: z.string() })),
  /** Whom commands run as; writable mounts must be theirs. */
  run_as: z.object({ uid: z.int(), gid: z.int() }),
});

/** The sandbox's procedures. */
export const SANDBOX_RPC = {
  getStatus: procedure('GetSandboxStatus', 'unary', z.strictObject({}), SandboxStatusOutput),
  /** Ends a running program with all that it started; `RunCommand` tells when nothing of it is left. */
  cancelCommand: procedure(
    'CancelCommand',
    'unary',
    z.strictObject({ call_id: CallId }),
    z.object({ cancelled: z.boolean() }),
  ),
  /** One program; the connection's end is the program's. The last frame is `result` or `problem`. */
  runCommand: procedure('RunCommand', 'stream', RunCommandInput, SandboxFrame),
} as const;
