import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { AppError, toAppError } from '@carapulse/kernel';
import { OpaPolicy } from '@carapulse/policy-opa';
import { createRemoteSandbox, createRemoteToolRouter, createRpcConnection } from '@carapulse/rpc-http';
import { LinuxSandbox } from '@carapulse/sandbox-linux';
import type { Config } from '@carapulse/configuration';
import { loadConfig } from '../config/load-config.ts';
import { resolveSecret } from '../config/resolve-secret.ts';
import { toolRouterCredential } from '../installation/service-credential.ts';
import { installationPaths } from '../installation/installation-paths.ts';
import { PROGRAM_DIRECTORIES } from '../services/find-program.ts';
import { SHIPPED } from '../services/shipped-paths.ts';
import { examineGit } from './examine-git.ts';

/** `warn` works with less; `bad` does not work until it is mended. */
interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'warn' | 'bad';
  readonly detail: string;
  readonly fix?: string;
}

const MIN_FREE_BYTES = 512 * 1024 * 1024;

/** Tells what is missing on this machine and the command that mends it. @returns 0 when `up` would work, else 1. */
export async function doctor(options: {
  readonly directory: string;
  readonly config?: string;
}): Promise<number> {
  const directory = resolve(options.directory);
  const findings: Finding[] = [node(), examineGit(PROGRAM_DIRECTORIES), disk(directory)];
  const config = await configuration(options.config);
  findings.push(config.finding);
  findings.push(
    await policy(config.config),
    ...(await toolsOf(config.config, directory)),
    keys(directory),
    await gatewayPort(config.config, directory),
  );
  const width = Math.max(...findings.map((each) => each.what.length));
  for (const { what, state, detail, fix } of findings) {
    process.stdout.write(
      `${{ ok: 'ok  ', warn: 'warn', bad: 'BAD ' }[state]}  ${what.padEnd(width)}  ${detail}\n`,
    );
    if (fix !== undefined) process.stdout.write(`      ${' '.repeat(width)}  → ${fix}\n`);
  }
  const bad = findings.filter((each) => each.state === 'bad').length;
  process.stdout.write(
    bad === 0
      ? '\nCarapulse can run here.\n'
      : `\n${bad} thing${bad === 1 ? '' : 's'} to mend before Carapulse can run here.\n`,
  );
  return bad === 0 ? 0 : 1;
}

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= 24
    ? { what: 'node', state: 'ok', detail: process.version }
    : {
        what: 'node',
        state: 'bad',
        detail: `${process.version}, 24 is needed`,
        fix: 'npm ci --include=optional, and start with `npm run carapulse`',
      };
}

function disk(directory: string): Finding {
  let place = directory;
  while (!existsSync(place)) place = dirname(place);
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
  } catch {
    return {
      what: 'directory',
      state: 'bad',
      detail: `${place} cannot be written`,
      fix: 'choose another place with --directory',
    };
  }
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const detail = `${directory}, ${Math.round(free / 1024 / 1024)} MB free`;
  return free >= MIN_FREE_BYTES
    ? { what: 'directory', state: 'ok', detail }
    : { what: 'directory', state: 'bad', detail, fix: 'free at least 512 MB there' };
}

async function configuration(
  path: string | undefined,
): Promise<{ readonly config: Config; readonly finding: Finding }> {
  try {
    const config = await loadConfig(path);
    const stage = config.policy.stage;
    const detail = `${path ?? 'defaults'}, stage ${stage}`;
    return {
      config,
      finding:
        stage === 0
          ? {
              what: 'configuration',
              state: 'warn',
              detail: `${detail}: read-only`,
              fix: 'policy.stage: 1 lets approved plans write',
            }
          : { what: 'configuration', state: 'ok', detail },
    };
  } catch (error) {
    return {
      config: await loadConfig(undefined),
      finding: {
        what: 'configuration',
        state: 'bad',
        detail: toAppError(error).message,
        fix: 'correct the file; docs/config.schema.json describes it',
      },
    };
  }
}

async function policy(config: Config): Promise<Finding> {
  const rules = new OpaPolicy({ dir: config.policy.directory ?? SHIPPED.policies });
  try {
    return { what: 'policy', state: 'ok', detail: await rules.reload(AbortSignal.timeout(60_000)) };
  } catch (error) {
    return {
      what: 'policy',
      state: 'bad',
      detail: `${toAppError(error).message}; everything would be denied`,
      fix: 'assistantctl policy test',
    };
  }
}

/** Tools and sandbox of this machine, or the services that the configuration names in their place. */
async function toolsOf(config: Config, directory: string): Promise<readonly Finding[]> {
  const { tool_router: router, sandbox: boxed } = config;
  if (router.url !== undefined) {
    const { url } = router;
    const { keys: path } = installationPaths(directory);
    return [
      await service('tool router', url, 'carapulse tool-router --directory', async () => {
        // Looking makes nothing: before the first start there is no credential.
        if (router.token === undefined && !existsSync(path))
          throw new AppError('not_found', `${path} is not there yet`);
        const token = await toolRouterCredential(config, path);
        await createRemoteToolRouter(createRpcConnection({ url, token })).check(AbortSignal.timeout(5000));
      }),
    ];
  }
  if (boxed.url === undefined) return sandbox();
  const { url, token = '' } = boxed;
  return [
    await service('sandbox', url, 'carapulse sandbox-exec', async () => {
      const remote = createRemoteSandbox(createRpcConnection({ url, token: await resolveSecret(token) }));
      const { backend, detail } = await remote.refresh(AbortSignal.timeout(5000));
      if (backend === null) throw new AppError('sandbox_unavailable', detail);
    }),
  ];
}

async function service(
  what: string,
  url: string,
  start: string,
  check: () => Promise<unknown>,
): Promise<Finding> {
  try {
    await check();
    return { what, state: 'ok', detail: `answers at ${url}` };
  } catch (error) {
    return { what, state: 'bad', detail: toAppError(error).message, fix: `start \`${start}\`` };
  }
}

async function sandbox(): Promise<readonly Finding[]> {
  const cacheDir = await mkdtemp(join(tmpdir(), 'carapulse-doctor-'));
  try {
    const opened = await LinuxSandbox.open({ cacheDir }, AbortSignal.timeout(30_000));
    const { backend, detail, unavailable } = opened.status();
    await opened.close();
    const chosen: Finding =
      backend === null
        ? { what: 'sandbox', state: 'bad', detail: 'none works; commands are refused' }
        : { what: 'sandbox', state: 'ok', detail };
    const others = unavailable.map(({ backend: name, reason, fix }): Finding => ({
      what: `  ${name}`,
      state: 'warn',
      detail: reason,
      fix,
    }));
    return [chosen, ...others];
  } catch (error) {
    return [{ what: 'sandbox', state: 'bad', detail: toAppError(error).message }];
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

function keys(directory: string): Finding {
  const { keys: path } = installationPaths(directory);
  if (!existsSync(path)) return { what: 'keys', state: 'ok', detail: 'made at the first start' };
  const open = (statSync(path).mode & 0o077) !== 0;
  return open
    ? { what: 'keys', state: 'bad', detail: `others can enter ${path}`, fix: `chmod 700 '${path}'` }
    : { what: 'keys', state: 'ok', detail: path };
}

async function gatewayPort({ gateway }: Config, directory: string): Promise<Finding> {
  const what = 'gateway port';
  const at = `${gateway.host}:${gateway.port}`;
  const free = await new Promise<boolean>((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(gateway.port, gateway.host, () => probe.close(() => done(true)));
  });
  if (free) return { what, state: 'ok', detail: `${at} is free` };
  if (existsSync(installationPaths(directory).endpoint))
    return { what, state: 'ok', detail: `${at} is taken, probably by the instance that runs here` };
  return {
    what,
    state: 'bad',
    detail: `${at} is taken`,
    fix: `\`ss -ltnp 'sport = :${gateway.port}'\` tells by whom; or set gateway.port`,
  };
}
