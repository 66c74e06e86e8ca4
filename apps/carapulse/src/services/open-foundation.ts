import { join } from 'node:path';
import { createAuditWriter } from '@carapulse/audit';
import { openHaltDirectory } from '@carapulse/halt-fs';
import { toAppError, type AppError } from '@carapulse/kernel';
import type { HaltControl } from '@carapulse/operations';
import { createObjectDirectory } from '@carapulse/objects-fs';
import { OpaPolicy } from '@carapulse/policy-opa';
import { createStore, type Database } from '@carapulse/store-postgres';
import {
  makeInstallationRoot,
  openInstallation,
  type Installation,
} from '../installation/open-installation.ts';
import { openPlanClaims } from '../installation/plan-claims.ts';
import { takeDirectory } from '../installation/take-directory.ts';
import { checkReadiness, type Readiness } from './check-readiness.ts';
import { checkDisk } from './check-disk.ts';
import type { Closers } from './closers.ts';
import type { PipelineParts } from './create-pipeline.ts';
import { findDeparture } from './guard-trail.ts';
import { createMetrics } from './metrics.ts';
import { openMigratedDatabase } from './open-migrated-database.ts';
import { SHIPPED } from './shipped-paths.ts';
import type { StartOptions } from './start-options.ts';
import { watchPolicies } from './watch-policies.ts';

/** What every process of an installation stands on that carries effects out or orders them. */
export interface Foundation<Tools> {
  readonly database: Database;
  readonly tools: Tools;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** What the pipeline of the tools takes, but for the tools. */
  readonly parts: Omit<PipelineParts, 'tools'> & { readonly halt: HaltControl };
  /** How the database differs from what the installation vouched for; null when it doesn't. */
  readonly departure: Awaited<ReturnType<typeof findDeparture>>;
  /** Resolves, with what to tell, when another installation has taken the database over. */
  readonly lost: Promise<AppError>;
  /** Of database, disk and policy. */
  readonly readiness: () => Promise<readonly Readiness[]>;
}

export interface FoundationOrder<Tools> {
  /** Other processes of the installation may have its directory at the same time. */
  readonly shared: boolean;
  /** `first` when no other process has the directory. */
  readonly openTools: (installation: Installation, first: boolean, signal: AbortSignal) => Promise<Tools>;
}

/**
 * Takes the directory and opens what lies in it, database, policy and tools side by side where neither needs the other.
 * All of it is added to `closers`. `ending` ends what is still under way.
 * @throws AppError `conflict` when another process has the directory, `unavailable`, `invalid_input`.
 */
export async function openFoundation<Tools extends { readonly close: () => Promise<void> }>(
  options: StartOptions,
  closers: Closers,
  ending: AbortSignal,
  { shared, openTools }: FoundationOrder<Tools>,
): Promise<Foundation<Tools>> {
  const { config, clock, random, sleep, logger, redactor } = options;
  // First of all: whoever is refused must not have touched the keys or the scratch files of the one that runs.
  await makeInstallationRoot(options.directory);
  const taken = takeDirectory(options.directory, shared);
  closers.add(() => taken.release());
  const installation = await openInstallation(options.directory, config, clock);
  const { paths } = installation;
  redactor.learn(installation.secrets);
  const policyDirectory = config.policy.directory ?? SHIPPED.policies;
  const policy = new OpaPolicy({
    dir: policyDirectory,
    cacheDir: join(paths.root, 'policy-cache'),
    onFault: (fault) => logger.error('policy is unavailable, everything is denied', { cause: fault.message }),
  });
  const policyLoaded = policy.reload(ending).then(() => null, toAppError);
  const toolsOpened = openTools(installation, taken.first, ending);
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
  const departure = await findDeparture(store, installation, ending);
  const metrics = createMetrics();
  const halt = openHaltDirectory(paths.root);
  closers.add(() => halt.close());
  const tools = await toolsOpened;
  closers.add(() => tools.close());
  taken.letIn();
  const fault = await policyLoaded;
  if (fault !== null)
    logger.error('the policy bundle cannot be used, everything is denied', { cause: fault.message });
  closers.add(watchPolicies(policyDirectory, policy, logger));
  return {
    database,
    tools,
    metrics,
    departure,
    lost,
    parts: {
      config,
      policy: metrics.countDecisions(policy),
      store,
      objects: createObjectDirectory(paths.objects),
      audit: createAuditWriter({ key: installation.auditKey, clock, redact: redactor.redactJson }),
      installation,
      claims: openPlanClaims(join(paths.root, 'claims')),
      halt,
      redactor,
      clock,
      random,
      sleep,
      process,
    },
    readiness: async () => [
      await checkReadiness('database', () => store.ping(AbortSignal.timeout(2000))),
      await checkDisk(paths.root),
      {
        name: 'policy',
        ok: policy.bundleDigest() !== null,
        detail: policy.bundleDigest() ?? 'no bundle could be loaded; everything is denied',
      },
    ],
  };
}
