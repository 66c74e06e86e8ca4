import { readFile } from 'node:fs/promises';
import type { Config } from '@carapulse/configuration';
import { AppError } from '@carapulse/kernel';
import type { ActivityHandler, DurableEngine } from '@carapulse/workflows';
import { engineByRun, planMachine } from '@carapulse/workflows';
import type { Database } from '@carapulse/store-postgres';
import { createDbosEngine } from '@carapulse/workflow-dbos';
import { resolveSecret } from '../config/resolve-secret.ts';
import type { Installation } from '../installation/open-installation.ts';
import { payloadKeys } from '../temporal/payload-keys.ts';
import { WORKFLOWS_PATH } from '../temporal/workflows-path.ts';
import type { StartOptions } from './start-options.ts';

type TemporalConfig = NonNullable<Config['orchestrator']['temporal']>;

/**
 * The durable engine that the configuration names, beside the one that may still have runs in flight. The embedded one
 * is always open: it is in the same database. Temporal's is open while it is configured.
 * @throws AppError `unavailable` when the Temporal server isn't reached.
 */
export async function openEngine(
  options: StartOptions,
  installation: Installation,
  database: Database,
  activities: Readonly<Record<string, ActivityHandler>>,
): Promise<DurableEngine> {
  const { clock, logger, config } = options;
  const { engine: chosen, temporal } = config.orchestrator;
  const embedded = await createDbosEngine({
    pool: database.pool,
    machines: [planMachine],
    activities,
    clock,
    logger,
    // The embedded database is this process's alone.
    leaseMs: database.kind === 'postgres' ? config.orchestrator.run_lease_ms : null,
  });
  if (temporal === undefined) return embedded;
  try {
    const scaled = await openTemporal(options, temporal, installation, activities);
    return engineByRun(chosen === 'temporal' ? [scaled, embedded] : [embedded, scaled]);
  } catch (error) {
    await embedded.close(0);
    throw error;
  }
}

async function openTemporal(
  { logger }: StartOptions,
  { address, namespace, task_queue: taskQueue, api_key: apiKey, tls }: TemporalConfig,
  installation: Installation,
  activities: Readonly<Record<string, ActivityHandler>>,
): Promise<DurableEngine> {
  // Loaded only here: the SDK is large, and most installations never need it.
  const { bundleMachines, createTemporalEngine } = await import('@carapulse/workflow-temporal');
  return createTemporalEngine({
    server: {
      address,
      namespace,
      ...(apiKey === undefined ? {} : { apiKey: await resolveSecret(apiKey) }),
      ...(tls === undefined ? {} : { tls: await readTls(tls) }),
    },
    taskQueue,
    bundle: await bundleMachines(WORKFLOWS_PATH, logger, installation.paths.temporalBundle),
    machines: [planMachine],
    activities,
    payloadKeys: payloadKeys(new Uint8Array(installation.auditKey.secret.export())),
    logger,
  });
}

async function readTls(tls: NonNullable<TemporalConfig['tls']>) {
  const read = async (name: 'ca' | 'cert' | 'key') => {
    const path = tls[`${name}_file`];
    if (path === undefined) return {};
    try {
      return { [name]: await readFile(path) };
    } catch (error) {
      const message = `orchestrator.temporal.tls.${name}_file cannot be read: ${(error as Error).message}.`;
      throw new AppError('invalid_input', message, { cause: error });
    }
  };
  return { ...(await read('ca')), ...(await read('cert')), ...(await read('key')) };
}
