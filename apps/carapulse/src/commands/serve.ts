import { resolve } from 'node:path';
import type { AppError } from '@carapulse/kernel';
import { loadConfig } from '../config/load-config.ts';
import { createRuntime } from '../services/runtime.ts';
import { startSandboxExec } from '../services/start-sandbox-exec.ts';
import { startToolRouter, type RunningService } from '../services/start-tool-router.ts';
import { stopSignal } from './up.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
}

/** The tool router as a process of its own, until it is told to stop. */
export async function serveToolRouterCommand(
  options: ServeOptions & { readonly directory: string },
): Promise<void> {
  const loaded = await loadConfig(options.config);
  const { port } = options;
  const config = port === undefined ? loaded : { ...loaded, tool_router: { ...loaded.tool_router, port } };
  const directory = resolve(options.directory);
  await stay('Tool router', () => startToolRouter({ ...runtime(config), directory, config }));
}

/** The sandbox as a process of its own, until it is told to stop. */
export async function serveSandboxCommand(options: ServeOptions): Promise<void> {
  const loaded = await loadConfig(options.config);
  const { port } = options;
  const { sandbox } = loaded;
  const config =
    port === undefined ? loaded : { ...loaded, sandbox: { ...sandbox, exec: { ...sandbox.exec, port } } };
  await stay('Sandbox', () => startSandboxExec({ ...runtime(config), config }));
}

function runtime(config: Awaited<ReturnType<typeof loadConfig>>) {
  return createRuntime(config, (line) => process.stderr.write(line));
}

async function stay(name: string, start: () => Promise<RunningService>): Promise<void> {
  const running = await start();
  process.stdout.write(
    [
      `${name} is ready on ${running.url}.`,
      ...running.about.map((line) => `  ${line}`),
      'Ctrl-C stops.',
      '',
    ].join('\n'),
  );
  process.send?.({ kind: 'ready', url: running.url });
  const lost: AppError | null = await Promise.race([running.lost, stopSignal().then(() => null)]);
  process.stderr.write(
    lost === null
      ? 'Stopping: calls in flight end, or are ended.\n'
      : `Stopping, another installation has taken over: ${lost.message}\n`,
  );
  if (lost !== null) process.exitCode = 1;
  await running.stop();
  if (process.connected) process.disconnect();
}
