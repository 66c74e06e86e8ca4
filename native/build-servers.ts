/**
 * Builds the real servers that `*.server.test.ts` and the benches compare with, once, into a cache outside the
 * repository: $CARAPULSE_CACHE, or ~/.cache/carapulse. Prints `name path` for each.
 *
 *   node native/build-servers.ts [name…]
 *
 * Adding one: a folder native/servers/<name>/ whose go.mod pins the module and names its command as a `tool`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const TOOLCHAIN = 'go1.26.8';
const serversDir = join(import.meta.dirname, 'servers');
const cacheDir = process.env['CARAPULSE_CACHE'] ?? join(homedir(), '.cache', 'carapulse');

function fail(message: string): never {
  process.stderr.write(`native/build-servers: ${message}\n`);
  process.exit(1);
}

interface Pinned {
  readonly command: string;
  readonly version: string;
}

function pinnedIn(goMod: string): Pinned {
  const command = /^tool (\S+)$/m.exec(goMod)?.[1];
  const requirements = [...goMod.matchAll(/^(?:require )?\t?(\S+) (v\S+)(?: \/\/ indirect)?$/gm)];
  const owner = requirements
    .filter(([, module]) => command !== undefined && (command === module || command.startsWith(`${module}/`)))
    .toSorted((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)[0];
  const version = owner?.[2];
  if (command === undefined || version === undefined)
    fail('a go.mod needs one `tool` line and its module pinned');
  return { command, version };
}

function build(name: string): string {
  const moduleDir = join(serversDir, name);
  const { command, version } = pinnedIn(readFileSync(join(moduleDir, 'go.mod'), 'utf8'));
  const home = join(cacheDir, `${name}-${version.slice(1)}`);
  const binary = join(home, name);
  if (existsSync(binary)) return binary;
  mkdirSync(home, { recursive: true });
  const scratch = mkdtempSync(join(home, '.building-'));
  try {
    process.stderr.write(`native/build-servers: building ${name} ${version} (minutes, once)\n`);
    const args = ['build', '-trimpath', '-buildvcs=false', '-o', join(scratch, name), command];
    const built = spawnSync('go', args, {
      cwd: moduleDir,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        GOTOOLCHAIN: TOOLCHAIN,
        CGO_ENABLED: '0',
        GOFLAGS: '-mod=readonly',
        GOWORK: 'off',
      },
    });
    if (built.error !== undefined)
      fail(`${name}: cannot run go (${built.error.message}); install Go 1.21 or newer`);
    if (built.status !== 0) fail(`${name}: go build ended with ${built.status ?? built.signal}`);
    renameSync(join(scratch, name), binary);
    return binary;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const known = readdirSync(serversDir).toSorted();
const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : known) {
  if (!known.includes(name)) fail(`no server ${name}; one of: ${known.join(', ')}`);
  process.stdout.write(`${name} ${build(name)}\n`);
}
