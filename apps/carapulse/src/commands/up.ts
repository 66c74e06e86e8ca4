import type { Config } from '@carapulse/configuration';
import { join, resolve } from 'node:path';
import { loadConfig } from '../config/load-config.ts';
import type { Installation } from '../installation/open-installation.ts';
import { createRuntime } from '../services/runtime.ts';
import { startCarapulse } from '../services/start-carapulse.ts';

export interface UpOptions {
  readonly directory: string;
  readonly config?: string;
  readonly port?: number;
}

/** Starts the whole assistant and stays until it is told to stop. */
export async function up(options: UpOptions): Promise<void> {
  const startedAt = performance.now();
  const loaded = await loadConfig(options.config);
  const config =
    options.port === undefined ? loaded : { ...loaded, gateway: { ...loaded.gateway, port: options.port } };
  const directory = resolve(options.directory);
  const running = await startCarapulse({
    ...createRuntime(config, (line) => process.stderr.write(line)),
    directory,
    config,
  });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const people = running.installation.identities
    .filter((each) => each.kind === 'human')
    .map((each) => each.name);
  process.stdout.write(
    [
      `Carapulse is ready on ${running.url} (${seconds} s).`,
      `  data        ${directory}`,
      `  engine      ${engineOf(config)}`,
      `  tools       ${running.toolsAt}`,
      `  stage       ${config.policy.stage}${config.policy.stage === 0 ? ' (read-only; set policy.stage: 1 to let approved plans write)' : ''}`,
      `  identities  ${people.join(', ')}`,
      `  alerts      ${alertsAt(running.url, running.installation)}`,
      'Next: `npm run assistantctl -- plan list` in another terminal. Ctrl-C stops.',
      '',
    ].join('\n'),
  );
  process.send?.({ kind: 'ready' });
  const lost = await Promise.race([running.lost, stopSignal().then(() => null)]);
  process.stderr.write(
    lost === null
      ? 'Stopping: runs in flight finish or are left to be taken up again.\n'
      : `Stopping, another installation has taken over: ${lost.message}\n`,
  );
  if (lost !== null) process.exitCode = 1;
  await running.stop();
  // The channel to whoever started us would keep this process alive.
  if (process.connected) process.disconnect();
}

/** Alerts are posted by a machine's identity, which isn't there where the configuration lists people alone. */
export function alertsAt(
  url: string,
  { identities, paths }: Pick<Installation, 'identities' | 'paths'>,
): string {
  const machine = identities.find(({ kind }) => kind === 'service');
  return machine === undefined
    ? 'nobody may post them: list { name: alertmanager, kind: service, roles: [operator] } in auth.local_identities'
    : `POST ${url}/v1/hooks/alertmanager with the token in ${join(paths.identities, `${machine.name}.token`)}`;
}

/** Resolves at the first SIGINT or SIGTERM, or when the process that started it is gone; a second signal ends it at once. */
export function stopSignal(): Promise<void> {
  return new Promise((done) => {
    let asked = false;
    process.once('disconnect', () => done());
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (asked) process.exit(130);
        asked = true;
        done();
      });
    }
  });
}

/** Which engine new runs go to, and which other one is open beside it. */
function engineOf({ orchestrator: { engine, temporal } }: Config): string {
  if (temporal === undefined) return 'embedded';
  const where = `Temporal at ${temporal.address}, namespace ${temporal.namespace}`;
  return engine === 'temporal' ? where : `embedded; runs begun on ${where} go on there`;
}
