import { readFile, rm } from 'node:fs/promises';
import { createAuditWriter } from '@carapulse/audit';
import { createObjectDirectory } from '@carapulse/objects-fs';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { ServiceProfiles } from '@carapulse/diagnosis';
import { createGateway } from '@carapulse/gateway-fastify';
import { openHaltDirectory } from '@carapulse/halt-fs';
import { AppError, parseInput, toAppError } from '@carapulse/kernel';
import {
  createEvidenceSink,
  createPlanActivities,
  createToolAudit,
  createToolCallJournal,
  startWorkers,
  type Services,
  type Store,
} from '@carapulse/operations';
import { catalogueOf } from '@carapulse/planning';
import { violatedConstraints } from '@carapulse/policy';
import { OpaPolicy } from '@carapulse/policy-opa';
import { createStore } from '@carapulse/store-postgres';
import { createToolRouter, type RunHold } from '@carapulse/tools';
import { planHandlers } from '@carapulse/workflows';
import { Config } from '@carapulse/configuration';
import { resolveReferences } from '../config/resolve-references.ts';
import {
  makeInstallationRoot,
  openInstallation,
  type Installation,
} from '../installation/open-installation.ts';
import { TOKEN_TTL_MS, writeTokens } from '../installation/local-identities.ts';
import { openPlanClaims } from '../installation/plan-claims.ts';
import { writeSecretFile } from '../installation/secret-file.ts';
import { takeDirectory } from '../installation/take-directory.ts';
import { join } from 'node:path';
import { createMetrics } from './metrics.ts';
import { openTools, type ToolHost } from './open-tools.ts';
import { loadShippedPlaybooks } from './shipped-playbooks.ts';
import { SHIPPED } from './shipped-paths.ts';
import { startCheckpoints } from './checkpoints.ts';
import { listen, tokenVerifier } from './gateway-access.ts';
import { fenceRestored, findDeparture } from './guard-trail.ts';
import { openEngine } from './open-engine.ts';
import { openMigratedDatabase } from './open-migrated-database.ts';
import { keepTokens } from './keep-tokens.ts';
import { incidentSettings, operationSettings } from './operation-settings.ts';
import type { StartOptions } from './start-options.ts';
import { watchPolicies } from './watch-policies.ts';

export interface RunningCarapulse {
  readonly url: string;
  readonly services: Services;
  readonly installation: Installation;
  readonly tools: ToolHost;
  readonly readiness: () => Promise<
    readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[]
  >;
  /** Resolves, with what to tell, when another installation has taken the database over; this one is then to stop. */
  readonly lost: Promise<AppError>;
  /** Finishes or parks what runs, writes the last checkpoint, closes everything. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Builds the whole assistant in one process and starts it: gateway, tool router and orchestrator on one database, which
 * other processes of the same installation may share on a server.
 * Whatever was opened is closed again when a later part fails.
 * @throws AppError `conflict` when another process has the directory or the port, `unavailable`, `invalid_input`.
 */
export async function startCarapulse(options: StartOptions): Promise<RunningCarapulse> {
  const closers: Array<() => unknown> = [];
  const stop = once(async () => {
    for (const close of closers.toReversed())
      await Promise.resolve(close()).catch((error: unknown) =>
        options.logger.error('closing failed', { cause: String(error) }),
      );
  });
  try {
    return await build(options, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(
  options: StartOptions,
  closers: Array<() => unknown>,
  stop: () => Promise<void>,
): Promise<RunningCarapulse> {
  const { config, clock, random, logger, redactor } = options;
  const ending = new AbortController();
  // First of all: whoever is refused must not have touched the keys or the scratch files of the one that runs.
  await makeInstallationRoot(options.directory);
  const taken = takeDirectory(options.directory, config.storage.database_url !== undefined);
  closers.push(() => taken.release());
  const installation = await openInstallation(options.directory, config, clock);
  const { paths } = installation;
  const connectors = await resolveReferences(config.connectors);
  redactor.learn([...installation.secrets, ...connectors.secrets]);
  const policyDirectory = config.policy.directory ?? SHIPPED.policies;
  // The policy compiles while the database opens; neither needs the other.
  const policy = new OpaPolicy({
    dir: policyDirectory,
    cacheDir: join(paths.root, 'policy-cache'),
    onFault: (fault) => logger.error('policy is unavailable, everything is denied', { cause: fault.message }),
  });
  const policyLoaded = policy.reload(ending.signal).then(() => null, toAppError);
  const toolsOpened = openTools(
    { ...config, connectors: parseInput(Config.shape.connectors, connectors.section, 'connectors') },
    paths,
    taken.first,
    ending.signal,
  );
  toolsOpened.catch(() => {});
  const { database, lost, announce, close } = await openMigratedDatabase(
    options,
    paths.database,
    installation.mark,
  );
  closers.push(close);
  const store = await createStore(database);
  const epoch = await store.transaction((tx) => tx.claimEpoch());
  await announce(epoch);
  const departure = await findDeparture(store, installation, ending.signal);
  const metrics = createMetrics();
  const halt = openHaltDirectory(paths.root);
  closers.push(() => halt.close());
  const tools = await toolsOpened;
  taken.letIn();
  closers.push(() => tools.sandbox.close());
  const policyFault = await policyLoaded;
  if (policyFault !== null)
    logger.error('the policy bundle cannot be used, everything is denied', { cause: policyFault.message });

  closers.push(watchPolicies(policyDirectory, policy, logger));

  const audit = createAuditWriter({ key: installation.auditKey, clock, redact: redactor.redactJson });
  const objects = createObjectDirectory(paths.objects);
  const settings = operationSettings(config);
  const ports = { store, objects, audit, clock, random, settings };
  const claims = openPlanClaims(join(paths.root, 'claims'));
  const router = metrics.countTools(
    createToolRouter({
      ...tools,
      policy: metrics.countDecisions(policy),
      judge: violatedConstraints,
      trust: installation.trust,
      journal: createToolCallJournal(store, clock, claims.claim),
      audit: createToolAudit(ports),
      evidence: createEvidenceSink(ports),
      halt,
      epochGuard: { assertCurrent: (hold) => assertHeld(store, hold) },
      redactor: { json: redactor.redactJson, text: redactor.redactText, stream: redactor.stream },
      clock,
      stage: config.policy.stage,
      commandLimits: { memoryBytes: config.tool_router.memory_bytes, pids: config.tool_router.pids },
    }),
  );
  const profiles = parseInput(ServiceProfiles, config.context.services, 'context.services');
  const services: Services = {
    store,
    objects,
    policy: metrics.countDecisions(policy),
    router,
    engine: await openEngine(
      options,
      installation,
      database,
      planHandlers(metrics.countRuns(createPlanActivities(() => services))),
    ),
    halt,
    closePlan: claims.close,
    audit,
    trust: installation.trust,
    orchestratorSigner: installation.orchestratorKey,
    gatewaySigner: installation.gatewayKey,
    planning: { catalogue: catalogueOf(tools.registry), profiles },
    documents: yamlDocumentParser,
    settings,
    incidents: incidentSettings(config, profiles),
    clock,
    random,
    sleep: options.sleep,
    logger,
    redact: redactor.redactJson,
    epoch,
  };
  const elsewhere = config.orchestrator.temporal !== undefined;
  const fence = await fenceRestored(services, departure, installation, elsewhere, ending.signal);
  await loadShippedPlaybooks(services, config.playbooks.directory ?? SHIPPED.playbooks);

  const checkpointing = startCheckpoints(options, installation, store, ending.signal);
  closers.push(async () => {
    ending.abort();
    await checkpointing.done;
  });
  // Closed before the checkpoints: what runs still end in the trail is vouched for as well.
  closers.push(() => services.engine.close(config.orchestrator.drain_ms));
  const recovered = await services.engine.recover();
  if (recovered.resumed + recovered.stuck > 0) logger.info('unfinished runs were taken up', { ...recovered });
  const workers = startWorkers(services);
  closers.push(() => workers.stop());

  const readiness = async () => [
    await check('database', () => store.ping(AbortSignal.timeout(2000))),
    {
      name: 'policy',
      ok: policy.bundleDigest() !== null,
      detail: policy.bundleDigest() ?? 'no bundle could be loaded; everything is denied',
    },
    { name: 'sandbox', ok: tools.sandbox.status().backend !== null, detail: tools.sandbox.status().detail },
    ...(elsewhere
      ? [await check('durable engine', async () => services.engine.check?.(AbortSignal.timeout(2000)))]
      : []),
    {
      name: 'restore',
      ok: fence === null,
      detail: fence === null ? 'not fenced' : `fenced: ${fence.why}. Next: ${fence.next}`,
    },
    { name: 'audit checkpoints', ok: checkpointing.ok(), detail: checkpointing.detail() },
  ];
  const gateway = createGateway({
    services,
    verifyToken: tokenVerifier(config, installation, clock),
    readiness,
    metrics: metrics.http,
    redact: (text) => redactor.redactText(text),
    maxBodyBytes: config.gateway.max_body_bytes,
    ...(config.governance.rate_limits && { rateLimits: config.governance.rate_limits }),
    allowedHosts:
      config.auth.issuers.length > 0
        ? null
        : new Set(['127.0.0.1', 'localhost', '[::1]', config.gateway.host]),
    version: options.version,
  });
  closers.push(() => gateway.close());
  metrics.watchConnections(gateway.server);
  const url = await listen(gateway, config);
  closers.push(
    await keepTokens({
      write: () => writeTokens(paths.identities, installation.identities, installation.issuer),
      ttlMs: TOKEN_TTL_MS,
      clock,
      onError: (error) => logger.error('tokens could not be renewed', { cause: String(error) }),
    }),
  );
  await writeSecretFile(paths.endpoint, `${JSON.stringify({ url, pid: process.pid })}\n`);
  closers.push(() => removeOwn(paths.endpoint));
  return { url, services, installation, tools, readiness, lost, stop };
}

async function check(name: string, work: () => Promise<unknown>) {
  try {
    await work();
    return { name, ok: true, detail: 'answers' };
  } catch (error) {
    return { name, ok: false, detail: toAppError(error).message };
  }
}

async function assertHeld(store: Store, { executionId, epoch }: RunHold): Promise<void> {
  const newest = await store.read.runEpoch(executionId);
  if (newest !== null && epoch >= newest) return;
  const why = newest === null ? 'it is not in the database' : `another process holds it (epoch ${newest})`;
  throw new AppError('fenced', `Nothing is written for ${executionId} under epoch ${epoch}: ${why}.`);
}

/** Of several processes the last one that started has written it. */
async function removeOwn(endpoint: string): Promise<void> {
  const text = await readFile(endpoint, 'utf8').catch(() => '{}');
  if ((JSON.parse(text) as { pid?: unknown }).pid === process.pid) await rm(endpoint, { force: true });
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => (done ??= work());
}
