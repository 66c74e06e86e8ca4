import { join } from 'node:path';
import { createAuditWriter } from '@carapulse/audit';
import { openHaltDirectory } from '@carapulse/halt-fs';
import { AppError, newId, toAppError, type JsonObject } from '@carapulse/kernel';
import { createObjectDirectory } from '@carapulse/objects-fs';
import { readEvidence, readToolCall } from '@carapulse/operations';
import { OpaPolicy } from '@carapulse/policy-opa';
import { createRpcServer, credentialDigest, serveToolRouter } from '@carapulse/rpc-http';
import { createStore } from '@carapulse/store-postgres';
import { makeInstallationRoot, openInstallation } from '../installation/open-installation.ts';
import { openPlanClaims } from '../installation/plan-claims.ts';
import { toolRouterCredential } from '../installation/service-credential.ts';
import { takeDirectory } from '../installation/take-directory.ts';
import { startCheckpoints } from './checkpoints.ts';
import { createClosers, type Closers } from './closers.ts';
import { createPipeline } from './create-pipeline.ts';
import { findDeparture } from './guard-trail.ts';
import { createMetrics } from './metrics.ts';
import { openConnectedTools, sandboxReadiness } from './open-tool-access.ts';
import { openMigratedDatabase } from './open-migrated-database.ts';
import { checkReadiness } from './check-readiness.ts';
import { SHIPPED } from './shipped-paths.ts';
import type { StartOptions } from './start-options.ts';
import { watchPolicies } from './watch-policies.ts';

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
  const closers = createClosers(options.logger);
  try {
    return await build(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function build(options: StartOptions, closers: Closers): Promise<RunningService> {
  const { config, clock, random, logger, redactor } = options;
  const ending = new AbortController();
  await makeInstallationRoot(options.directory);
  const taken = takeDirectory(options.directory, true);
  closers.add(() => taken.release());
  const installation = await openInstallation(options.directory, config, clock);
  const { paths } = installation;
  const token = await toolRouterCredential(config, paths.keys);
  redactor.learn([...installation.secrets, token]);
  const directory = config.policy.directory ?? SHIPPED.policies;
  const policy = new OpaPolicy({
    dir: directory,
    cacheDir: join(paths.root, 'policy-cache'),
    onFault: (fault) => logger.error('policy is unavailable, everything is denied', { cause: fault.message }),
  });
  const policyLoaded = policy.reload(ending.signal).then(() => null, toAppError);
  const toolsOpened = openConnectedTools(options, installation, taken.first, ending.signal);
  toolsOpened.catch(() => {});
  const { database, lost, announce, close } = await openMigratedDatabase(
    options,
    paths.database,
    installation.mark,
  );
  closers.add(close);
  const store = await createStore(database);
  const process = await store.transaction((tx) => tx.claimEpoch());
  await announce(process);
  const halt = openHaltDirectory(paths.root);
  closers.add(() => halt.close());
  const departure = await findDeparture(store, installation, ending.signal);
  if (departure !== null && !halt.list().some(({ scope }) => scope === '*')) {
    throw new AppError(
      'conflict',
      `The database is not what it was: ${departure}. Start \`carapulse up\` first, which halts every write and says what to do.`,
    );
  }
  const tools = await toolsOpened;
  closers.add(() => tools.close());
  taken.letIn();
  const fault = await policyLoaded;
  if (fault !== null)
    logger.error('the policy bundle cannot be used, everything is denied', { cause: fault.message });
  closers.add(watchPolicies(directory, policy, logger));
  const metrics = createMetrics();
  const audit = createAuditWriter({ key: installation.auditKey, clock, redact: redactor.redactJson });
  const objects = createObjectDirectory(paths.objects);
  const claims = openPlanClaims(join(paths.root, 'claims'));
  const router = metrics.countTools(
    createPipeline({
      config,
      tools,
      store,
      objects,
      audit,
      installation,
      claims,
      halt,
      redactor,
      clock,
      random,
      process,
      policy: metrics.countDecisions(policy),
    }),
  );
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
      await checkReadiness('database', () => store.ping(AbortSignal.timeout(2000))),
      {
        name: 'policy',
        ok: policy.bundleDigest() !== null,
        detail: policy.bundleDigest() ?? 'no bundle could be loaded; everything is denied',
      },
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
