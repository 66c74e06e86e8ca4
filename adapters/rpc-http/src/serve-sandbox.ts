import { SANDBOX_RPC } from '@carapulse/contract';
import { AppError } from '@carapulse/kernel';
import type { CommandSpec, Sandbox } from '@carapulse/tools';
import { openBelow, type OpenedMount } from './open-below.ts';
import { pause } from './pause.ts';
import { serve, type Served } from './rpc-server.ts';

/** A sandbox on this machine, and whom it runs commands as. */
export interface HostedSandbox extends Sandbox {
  readonly runAs: { readonly uid: number; readonly gid: number };
}

/** Longer than a supervisor needs to end a tree of processes. */
const ENDING_MS = 10_000;

/**
 * The sandbox of this process as procedures. The credential of its callers is worth what lies below `mountRoots`, and
 * not more: a command that wants another directory, or one by way of a link, is refused, one that another command
 * exchanges in the meantime too. None begins before those that were given up have ended: it may be to read back what one
 * of them has left.
 */
export function serveSandbox(
  sandbox: HostedSandbox,
  mountRoots: readonly string[],
  endingMs = ENDING_MS,
): readonly Served[] {
  const running = new Map<string, AbortController>();
  const givenUp = new Set<Promise<void>>();
  const untilEnded = async (signal: AbortSignal): Promise<void> => {
    if (givenUp.size === 0) return;
    const waiting = new AbortController();
    const late = pause(endingMs, AbortSignal.any([signal, waiting.signal]));
    await Promise.race([Promise.all(givenUp), late]);
    waiting.abort();
    if (givenUp.size === 0 || signal.aborted) return;
    throw new AppError(
      'sandbox_unavailable',
      `${givenUp.size} commands that were given up have not ended in ${endingMs} ms, and nothing runs beside them. Ask again; see what they wait for.`,
      { retryable: true, details: { effect: 'none' } },
    );
  };
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
        const stop = AbortSignal.any([signal, cancel.signal]);
        const spec: CommandSpec = {
          ...rest,
          argv: [argv[0], ...argv.slice(1)],
          ...(stdin !== undefined && { stdin }),
          ...(files !== undefined && { files }),
        };
        let sent: Promise<unknown> = Promise.resolve();
        const opened: OpenedMount[] = [];
        try {
          await untilEnded(stop);
          opened.push(...(await openBelow(rest.mounts, mountRoots)));
          const run = sandbox.run(
            { ...spec, mounts: opened.map(({ mount }) => mount) },
            {
              signal: stop,
              ...(follow && {
                // In order; a caller that reads slowly holds up the frames, not the program.
                onOutput: (chunk) =>
                  void (sent = sent.then(() => send({ kind: 'output', ...chunk })).catch(() => {})),
              }),
            },
          );
          const onStop = (): void => {
            const over: Promise<void> = run.then(
              () => void givenUp.delete(over),
              () => void givenUp.delete(over),
            );
            givenUp.add(over);
          };
          stop.addEventListener('abort', onStop, { once: true });
          const result = await run.finally(() => stop.removeEventListener('abort', onStop));
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
