import { readFile, rm } from 'node:fs/promises';
import { cronerCalendar } from '@carapulse/calendar-croner';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { ServiceProfiles } from '@carapulse/diagnosis';
import { createGateway } from '@carapulse/gateway-fastify';
import { parseInput, type AppError } from '@carapulse/kernel';
import { createPlanActivities, startWorkers, type Services } from '@carapulse/operations';
import { planHandlers } from '@carapulse/workflows';
import type { Installation } from '../installation/open-installation.ts';
import { TOKEN_TTL_MS, writeTokens } from '../installation/local-identities.ts';
import { writeSecretFile } from '../installation/secret-file.ts';
import { openOrClose, type Closers } from './closers.ts';
import { openFoundation } from './open-foundation.ts';
import { openToolAccess } from './open-tool-access.ts';
import { loadShippedPlaybooks } from './shipped-playbooks.ts';
import { SHIPPED } from './shipped-paths.ts';
import { checkReadiness } from './check-readiness.ts';
import { startCheckpoints } from './checkpoints.ts';
import { listen, tokenVerifier } from './gateway-access.ts';
import { fenceRestored } from './guard-trail.ts';
import { openEngine } from './open-engine.ts';
import { keepTokens } from './keep-tokens.ts';
import { incidentSettings, operationSettings } from './operation-settings.ts';
import type { StartOptions } from './start-options.ts';

export interface RunningCarapulse {
  readonly url: string;
  readonly services: Services;
  readonly installation: Installation;
  /** Where tools run, in a few words for people. */
  readonly toolsAt: string;
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
  return openOrClose(options.logger, (closers) => build(options, closers));
}

async function build(options: StartOptions, closers: Closers): Promise<RunningCarapulse> {
  const { config, clock, random, logger, redactor } = options;
  const ending = new AbortController();
  const foundation = await openFoundation(options, closers, ending.signal, {
    shared: config.storage.database_url !== undefined,
    openTools: (installation, first, signal) => openToolAccess(options, installation, first, signal),
  });
  const { database, tools, metrics, departure, parts, lost } = foundation;
  const { installation, store, objects, audit, claims, halt, policy, process: epoch } = parts;
  const { paths } = installation;
  const settings = operationSettings(config);
  const router = metrics.countTools(tools.router(parts));
  const profiles = parseInput(ServiceProfiles, config.context.services, 'context.services');
  const services: Services = {
    store,
    objects,
    policy,
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
    planning: { catalogue: tools.catalogue, profiles },
    documents: yamlDocumentParser,
    calendar: cronerCalendar,
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
  closers.add(async () => {
    ending.abort();
    await checkpointing.done;
  });
  // Closed before the checkpoints: what runs still end in the trail is vouched for as well.
  closers.add(() => services.engine.close(config.orchestrator.drain_ms));
  const recovered = await services.engine.recover();
  if (recovered.resumed + recovered.stuck > 0) logger.info('unfinished runs were taken up', { ...recovered });
  const workers = startWorkers(services, {
    onFiring: (status, times) => metrics.countFiring(status, times),
  });
  closers.add(() => workers.stop());

  const readiness = async () => [
    ...(await foundation.readiness()),
    await tools.check(AbortSignal.timeout(2000)),
    ...(elsewhere
      ? [
          await checkReadiness('durable engine', async () =>
            services.engine.check?.(AbortSignal.timeout(2000)),
          ),
        ]
      : []),
    { name: 'workers', ok: workers.faults().length === 0, detail: workers.faults().join('; ') || 'run' },
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
  closers.add(() => gateway.close());
  metrics.watchConnections(gateway.server);
  const url = await listen(gateway, config);
  closers.add(
    await keepTokens({
      write: () => writeTokens(paths.identities, installation.identities, installation.issuer),
      ttlMs: TOKEN_TTL_MS,
      clock,
      onError: (error) => logger.error('tokens could not be renewed', { cause: String(error) }),
    }),
  );
  await writeSecretFile(paths.endpoint, `${JSON.stringify({ url, pid: process.pid })}\n`);
  closers.add(() => removeOwn(paths.endpoint));
  return { url, services, installation, toolsAt: tools.where, readiness, lost, stop: closers.close };
}

/** Of several processes the last one that started has written it. */
async function removeOwn(endpoint: string): Promise<void> {
  const text = await readFile(endpoint, 'utf8').catch(() => '{}');
  if ((JSON.parse(text) as { pid?: unknown }).pid === process.pid) await rm(endpoint, { force: true });
}
