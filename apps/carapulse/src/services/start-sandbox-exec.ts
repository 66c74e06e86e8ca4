import { realpath } from 'node:fs/promises';
import { AppError, newId, type JsonObject } from '@carapulse/kernel';
import { createRpcServer, serveSandbox } from '@carapulse/rpc-http';
import { openOrClose } from './closers.ts';
import { openLauncherDirectory } from './launcher-directory.ts';
import { createMetrics } from './metrics.ts';
import { sandboxReadiness } from './open-tool-access.ts';
import { openLinuxSandbox } from './open-tools.ts';
import type { StartOptions } from './start-options.ts';
import type { RunningService } from './start-tool-router.ts';

/** A command's input and files. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const DRAIN_MS = 20_000;

/**
 * The sandbox as a process of its own: no database, no key, no connector; of its callers' credential it has the hash.
 * @throws AppError `invalid_input` when it isn't told whom to believe and what commands may see, `conflict` when its
 * place is taken.
 */
export async function startSandboxExec(options: Omit<StartOptions, 'directory'>): Promise<RunningService> {
  const { config, logger, redactor, clock, random } = options;
  const { exec } = config.sandbox;
  const credentialDigest = exec.token_sha256;
  if (credentialDigest === undefined || exec.mount_roots.length === 0) {
    throw new AppError(
      'invalid_input',
      'carapulse sandbox-exec needs sandbox.exec.token_sha256 (`printf %s "$TOKEN" | sha256sum`) and sandbox.exec.mount_roots: ' +
        'the directories scratch and tools of the installation, and those of repositories that are files.',
    );
  }
  return openOrClose(logger, async (closers) => {
    const mountRoots = await Promise.all(exec.mount_roots.map(existing));
    const launcher = await openLauncherDirectory(clock.nowMs());
    closers.add(launcher.close);
    const sandbox = await openLinuxSandbox(config, launcher.path, AbortSignal.timeout(60_000));
    closers.add(() => sandbox.close());
    const server = createRpcServer({
      served: serveSandbox(sandbox, mountRoots),
      credentialDigest,
      maxBodyBytes: MAX_BODY_BYTES,
      readiness: async () => [sandboxReadiness(sandbox.status())],
      metrics: createMetrics().http,
      redact: { text: redactor.redactText, json: (value) => redactor.redactJson(value) as JsonObject },
      requestId: () => newId('request', clock, random),
      logger,
    });
    closers.add(() => server.close(DRAIN_MS));
    const url = await server.listen(exec.socket === undefined ? exec : { socket: exec.socket });
    const { backend, detail, unavailable } = sandbox.status();
    return {
      url,
      about: [
        `backend     ${backend === null ? `none, commands are refused: ${detail}` : detail}`,
        ...unavailable.map(({ backend: name, reason, fix }) => `  not ${name}: ${reason} (${fix})`),
        `mounts      ${mountRoots.join(', ')}`,
        `commands    run as uid ${sandbox.runAs.uid}`,
        `callers     carapulse tool-router with sandbox.url: ${url}`,
      ],
      lost: new Promise(() => {}),
      stop: closers.close,
    };
  });
}

async function existing(root: string): Promise<string> {
  try {
    return await realpath(root);
  } catch (error) {
    throw new AppError(
      'invalid_input',
      `sandbox.exec.mount_roots names ${root}, which is not there: ${(error as Error).message}. Start the tool router once, or make it.`,
      { cause: error },
    );
  }
}
