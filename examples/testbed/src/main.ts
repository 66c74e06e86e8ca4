/**
 * Real servers on loopback, for people: npm run testbed -- build|start|stop|status [server…].
 * Without a name, all of them. Data and logs are below $CARAPULSE_CACHE/testbed (~/.cache/carapulse/testbed).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AppError, toAppError } from '@carapulse/kernel';
import { holdDirectory, liveHolder, releaseDirectory } from './running-file.ts';
import {
  missingOf,
  TESTBED_SERVERS,
  withThoseBelow,
  type RunningServer,
  type TestbedServer,
} from './testbed-servers.ts';

const USAGE = `Usage: npm run testbed -- build|start|stop|status [server…]
  build    builds what a server consists of, once, into the cache
  start    starts servers anew and keeps them until Ctrl-C
  stop     ends the \`start\` that holds a server, with all it started
  status   what is built and what runs
Servers: ${Object.keys(TESTBED_SERVERS).join(', ')}; none named means all.`;

const STOP_WITHIN_MS = 90_000;
const home = join(process.env['CARAPULSE_CACHE'] ?? join(homedir(), '.cache', 'carapulse'), 'testbed');
const print = (line: string) => process.stdout.write(`${line}\n`);

type Named = readonly (readonly [name: string, server: TestbedServer])[];

const commands: Readonly<Record<string, (named: Named) => Promise<number>>> = { build, start, stop, status };

async function build(named: Named): Promise<number> {
  const builder = fileURLToPath(new URL('../../../native/build-servers.ts', import.meta.url));
  const folders = [...new Set(named.flatMap(([, { builds }]) => builds))];
  const [code] = (await once(
    spawn(process.execPath, [builder, ...folders], { stdio: 'inherit' }),
    'exit',
  )) as [number | null];
  return code ?? 1;
}

async function start(named: Named): Promise<number> {
  for (const [name, server] of named) {
    const missing = await missingOf(server);
    if (missing.length > 0)
      throw new AppError('not_found', `${name} can't start; missing\n  ${missing.join('\n  ')}`);
  }
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => ending.abort());
  const interrupted = new Promise<null>((resolve) =>
    ending.signal.addEventListener('abort', () => resolve(null), { once: true }),
  );
  const held: string[] = [];
  const running = new Map<string, RunningServer>();
  try {
    for (const [name, server] of named) {
      const directory = join(home, name);
      await holdDirectory(directory, name);
      held.push(directory);
      print(`${name}: starting in ${directory}`);
      const started = await server.start({ directory, signal: ending.signal }, running);
      running.set(name, started);
      for (const hint of started.hints) print(`  ${hint}`);
    }
    print('Running until Ctrl-C.');
    const deaths = [...running].map(async ([name, { ended }]) => `${name}: ${await ended}`);
    const death = await Promise.race([interrupted, ...deaths]);
    if (death !== null) throw new AppError('unavailable', `${death}; its log is below ${home}`);
    return 0;
  } catch (error) {
    if (ending.signal.aborted && toAppError(error).code === 'cancelled') return 0;
    throw error;
  } finally {
    for (const [, server] of [...running].toReversed()) await server.stop();
    for (const directory of held) await releaseDirectory(directory);
    if (held.length > 0) print('Stopped.');
  }
}

async function stop(named: Named): Promise<number> {
  for (const [name] of named) {
    const holder = await liveHolder(join(home, name));
    if (holder === null) {
      print(`${name}: not running`);
      continue;
    }
    process.kill(holder.pid, 'SIGTERM');
    const deadline = performance.now() + STOP_WITHIN_MS;
    while ((await liveHolder(join(home, name))) !== null) {
      if (performance.now() > deadline)
        throw new AppError(
          'timeout',
          `${name} is still held by process ${holder.pid}; end it with kill -KILL`,
        );
      await delay(50);
    }
    print(`${name}: stopped`);
  }
  return 0;
}

async function status(named: Named): Promise<number> {
  for (const [name, server] of named) {
    const missing = await missingOf(server);
    const holder = await liveHolder(join(home, name));
    const runs = holder === null ? 'not running' : `running, held by process ${holder.pid}`;
    print(`${name} (${server.about}): ${missing.length === 0 ? 'built' : 'not built'}, ${runs}`);
    for (const each of missing) print(`  missing ${each}`);
  }
  return 0;
}

async function run([command = '', ...names]: readonly string[]): Promise<number> {
  const asked = names.length > 0 ? names : Object.keys(TESTBED_SERVERS);
  // What a server runs on is of no concern to a command that looks or stops.
  const chosen = command === 'start' || command === 'build' ? withThoseBelow(asked) : asked;
  const named = chosen.flatMap((name) => {
    const server = Object.hasOwn(TESTBED_SERVERS, name) ? TESTBED_SERVERS[name] : undefined;
    return server === undefined ? [] : [[name, server] as const];
  });
  const act = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (act === undefined || named.length !== chosen.length) {
    process.stderr.write(`${USAGE}\n`);
    return 2;
  }
  return act(named);
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`testbed: ${toAppError(error).message}\n`);
  process.exitCode = 1;
}
