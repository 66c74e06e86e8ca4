import { AppError, newId, type JsonObject } from '@carapulse/kernel';
import { readEvidence, readToolCall } from '@carapulse/operations';
import { createRpcServer, credentialDigest, serveToolRouter } from '@carapulse/rpc-http';
import { toolRouterCredential } from '../installation/service-credential.ts';
import { startCheckpoints } from './checkpoints.ts';
import { openOrClose, type Closers } from './closers.ts';
import { createPipeline } from './create-pipeline.ts';
import { openFoundation } from './open-foundation.ts';
import { openConnectedTools, sandboxReadiness } from './open-tool-access.ts';
import type { StartOptions } from './start-options.ts';

/** More than any envelope with its plan and previews. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface RunningService {
  readonly url: string;
  /** What people are told of it at its start. */
  readonly about: readonly string[];
  /** Resolves, with what to tell, when it can't go on and is to stop. */
  readonly lost: Promise<AppError>;
  /** Lets calls end, ends those that take too long, closes everything. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The tool router as a process of its own: the one pipeline on the installation's directory and its PostgreSQL
 * database, with the connectors. Whatever was opened is closed again when a later part fails.
 * @throws AppError `invalid_input` without a server's database, `conflict` when somebody else has directory, database or
 * port, or when the database isn't what the installation vouched for.
 */
export async function startToolRouter(options: StartOptions): Promise<RunningService> {
  if (options.config.storage.database_url === undefined) {
    throw new AppError(
      'invalid_input',
      'carapulse tool-router needs storage.database_url: the embedded database is one process alone, which then has the tools itself.',
    );
  }
  return openOrClose(options.logger, (closers) => build(options, closers));
}

async function build(options: StartOptions, closers: Closers): Promise<RunningService> {
  const { config, clock, random, logger, redactor } = options;
  const ending = new AbortController();
  let token = '';
  const foundation = await openFoundation(options, closers, ending.signal, {
    shared: true,
    openTools: async (installation, first, signal) => {
      token = await toolRouterCredential(config, installation.paths.keys);
      redactor.learn([token]);
      return openConnectedTools(options, installation, first, signal);
    },
  });
  const { tools, metrics, departure, parts, lost } = foundation;
  const { installation, store, objects, halt } = parts;
  if (departure !== null && !halt.list().some(({ scope }) => scope === '*')) {
    throw new AppError(
      'conflict',
      `The database is not what it was: ${departure}. Start \`carapulse up\` first, which halts every write and says what to do.`,
    );
  }
  const router = metrics.countTools(createPipeline({ ...parts, tools }));
  const checkpointing = startCheckpoints(options, installation, store, ending.signal);
  closers.add(async () => {
    ending.abort();
    await checkpointing.done;
  });
  const server = createRpcServer({
    served: serveToolRouter({
      router,
      registry: tools.registry,
      resources: {
        evidence: (tenantId, id, signal) => readEvidence({ store, objects }, tenantId, id, signal),
        call: (tenantId, key) => readToolCall({ store, objects }, tenantId, key),
      },
    }),
    credentialDigest: credentialDigest(token),
    maxBodyBytes: MAX_BODY_BYTES,
    readiness: async () => [
      ...(await foundation.readiness()),
      sandboxReadiness(await tools.sandboxStatus(AbortSignal.timeout(2000))),
      { name: 'audit checkpoints', ok: checkpointing.ok(), detail: checkpointing.detail() },
    ],
    metrics: metrics.http,
    redact: { text: redactor.redactText, json: (value) => redactor.redactJson(value) as JsonObject },
    requestId: () => newId('request', clock, random),
    logger,
  });
  closers.add(() => server.close(config.tool_router.drain_ms));
  const url = await server.listen(config.tool_router);
  const sandbox = tools.sandbox.status();
  return {
    url,
    about: [
      `data        ${options.directory}`,
      `tools       ${[...new Set(tools.registry.list().map(({ tool }) => tool))].join(', ') || 'none; add connectors'}`,
      `sandbox     ${sandbox.backend === null ? `none, commands are refused: ${sandbox.detail}` : sandbox.detail}`,
      `callers     carapulse up with tool_router.url: ${url}`,
    ],
    lost,
    stop: closers.close,
  };
}
