import { SANDBOX_RPC } from '@carapulse/contract';
import { AppError } from '@carapulse/kernel';
import type { CommandSpec, Sandbox } from '@carapulse/tools';
import { openBelow, type OpenedMount } from './open-below.ts';
import { serve, type Served } from './rpc-server.ts';

/** A sandbox on this machine, and whom it runs commands as. */
export interface HostedSandbox extends Sandbox {
  readonly runAs: { readonly uid: number; readonly gid: number };
}

/**
 * The sandbox of this process as procedures. The credential of its callers is worth what lies below `mountRoots`, and
 * not more: a command that wants another directory, or one by way of a link, is refused, one that another command
 * exchanges in the meantime too.
 */
export function serveSandbox(sandbox: HostedSandbox, mountRoots: readonly string[]): readonly Served[] {
  const running = new Map<string, AbortController>();
  return [
    serve(
      SANDBOX_RPC.cancelCommand,
      async ({ call_id }) => {
        const found = running.get(call_id);
        found?.abort();
        return { cancelled: found !== undefined };
      },
      { whileDraining: true },
    ),
    serve(SANDBOX_RPC.getStatus, async () => {
      const { backend, detail, unavailable } = sandbox.status();
      return {
        backend,
        detail,
        unavailable: unavailable.map((each) => ({ ...each })),
        run_as: { ...sandbox.runAs },
      };
    }),
    serve(
      SANDBOX_RPC.runCommand,
      async ({ call_id, follow, argv, stdin, files, ...rest }, { signal, send }) => {
        if (running.has(call_id)) throw new AppError('conflict', `There is a command ${call_id} already.`);
        const cancel = new AbortController();
        running.set(call_id, cancel);
        const spec: CommandSpec = {
          ...rest,
          argv: [argv[0], ...argv.slice(1)],
          ...(stdin !== undefined && { stdin }),
          ...(files !== undefined && { files }),
        };
        let sent: Promise<unknown> = Promise.resolve();
        const opened: OpenedMount[] = [];
        try {
          opened.push(...(await openBelow(rest.mounts, mountRoots)));
          const result = await sandbox.run(
            { ...spec, mounts: opened.map(({ mount }) => mount) },
            {
              signal: AbortSignal.any([signal, cancel.signal]),
              ...(follow && {
                // In order; a caller that reads slowly holds up the frames, not the program.
                onOutput: (chunk) =>
                  void (sent = sent.then(() => send({ kind: 'output', ...chunk })).catch(() => {})),
              }),
            },
          );
          await sent;
          await send({ kind: 'result', ...result });
        } finally {
          running.delete(call_id);
          await Promise.all(opened.map(({ handle }) => handle.close()));
        }
      },
      { lastFrame: (problem) => ({ kind: 'problem', problem }) },
    ),
  ];
}
