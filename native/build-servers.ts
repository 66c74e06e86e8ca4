/**
 * Builds the real servers that `*.server.test.ts`, the test bed and the benches run, once, into a cache outside the
 * repository: $CARAPULSE_CACHE, or ~/.cache/carapulse. Prints `name path` for each of their binaries.
 *
 *   node native/build-servers.ts [name…]           builds what isn't there
 *   node native/build-servers.ts --built [name…]   builds nothing, prints what is there
 *
 * Adding one: a folder native/servers/<name>/ whose go.mod pins the module and names its commands as `tool`, each
 * built under the last element of its path, or the folder's name where that is only `cmd`; a line `// ldflags …` is
 * handed to the linker, and the files that a line `// files …` names are copied from the module beside the binaries.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

const TOOLCHAIN = 'go1.26.8';
const FLAGS = ['-trimpath', '-buildvcs=false'];
const serversDir = join(import.meta.dirname, 'servers');
const cacheDir = process.env['CARAPULSE_CACHE'] ?? join(homedir(), '.cache', 'carapulse');

function fail(message: string): never {
  process.stderr.write(`native/build-servers: ${message}\n`);
  process.exit(1);
}

interface Pinned {
  /** What each command is called, and its import path. */
  readonly commands: readonly (readonly [name: string, path: string])[];
  readonly version: string;
  readonly ldflags: string;
  /** Paths inside the module of the first command. */
  readonly files: readonly string[];
  /** Where its binaries are: another folder for other pins, another toolchain, other flags. */
  readonly home: string;
}

function pinnedBy(name: string): Pinned {
  const [goMod, goSum] = ['go.mod', 'go.sum'].map((file) =>
    readFileSync(join(serversDir, name, file), 'utf8'),
  );
  if (goMod === undefined || goSum === undefined) fail(`${name}: needs a go.mod and a go.sum`);
  const commands = toolsOf(goMod).map((path) => [commandName(name, path), path] as const);
  const version = versionOf(goMod, commands[0]?.[1]);
  if (version === undefined) fail(`${name}: a go.mod needs a \`tool\` line and its module pinned`);
  const ldflags = ['-s -w', /^\/\/ ldflags (.+)$/m.exec(goMod)?.[1] ?? ''].join(' ').trim();
  const files = /^\/\/ files (.+)$/m.exec(goMod)?.[1]?.split(' ') ?? [];
  const checksum = createHash('sha256')
    .update(JSON.stringify([TOOLCHAIN, FLAGS, ldflags, goMod, goSum]))
    .digest('hex');
  const home = join(cacheDir, `${name}-${version.slice(1)}-${checksum.slice(0, 12)}`);
  return { commands, version, ldflags, files, home };
}

/** Both forms: `tool path`, and a block of them. */
function toolsOf(goMod: string): readonly string[] {
  const block = /^tool \(\n([^)]*)\)$/m.exec(goMod)?.[1] ?? '';
  return [
    ...[...goMod.matchAll(/^tool ([^\s(]+)$/gm)].map(([, path]) => path ?? ''),
    ...[...block.matchAll(/^\t(\S+)$/gm)].map(([, path]) => path ?? ''),
  ];
}

function commandName(server: string, path: string): string {
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last === 'cmd' ? server : last;
}

function versionOf(goMod: string, command: string | undefined): string | undefined {
  const requirements = [...goMod.matchAll(/^(?:require )?\t?(\S+) (v\S+)(?: \/\/ indirect)?$/gm)];
  const owner = requirements
    .filter(([, module]) => command !== undefined && (command === module || command.startsWith(`${module}/`)))
    .toSorted((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)[0];
  return owner?.[2];
}

function binariesOf({ home, commands }: Pinned): readonly (readonly [name: string, path: string])[] {
  return commands.map(([name]) => [name, join(home, name)] as const);
}

function build(name: string, pinned: Pinned): void {
  if (existsSync(pinned.home)) return;
  mkdirSync(cacheDir, { recursive: true });
  const scratch = mkdtempSync(join(cacheDir, `.building-${name}-`));
  process.stderr.write(`native/build-servers: building ${name} ${pinned.version} (minutes, once)\n`);
  const fault = compile(name, pinned, scratch) ?? copyFiles(name, pinned, scratch);
  if (fault === null) {
    chmodSync(scratch, 0o755);
    try {
      renameSync(scratch, pinned.home);
    } catch (error) {
      // Another build of the same pins was quicker; its binaries are these.
      if (!existsSync(pinned.home)) throw error;
    }
  }
  rmSync(scratch, { recursive: true, force: true });
  if (fault !== null) fail(`${name}: ${fault}`);
}

const goEnv = {
  ...process.env,
  GOTOOLCHAIN: TOOLCHAIN,
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=readonly',
  GOWORK: 'off',
};

/** What went wrong, or null. */
function compile(name: string, { commands, ldflags }: Pinned, directory: string): string | null {
  const paths = commands.map(([, path]) => path);
  // Go calls one command by any name, several by their own alone.
  const output = join(directory, commands.length === 1 ? (commands[0]?.[0] ?? '') : '/');
  const args = ['build', ...FLAGS, `-ldflags=${ldflags}`, '-o', output, ...paths];
  const { error, status, signal } = spawnSync('go', args, {
    cwd: join(serversDir, name),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: goEnv,
  });
  if (error !== undefined) return `cannot run go (${error.message}); install Go 1.21 or newer`;
  return status === 0 ? null : `go build ended with ${status ?? signal}`;
}

/** What went wrong, or null. */
function copyFiles(name: string, { commands, files }: Pinned, directory: string): string | null {
  if (files.length === 0) return null;
  const args = ['list', '-f', '{{.Module.Dir}}', commands[0]?.[1] ?? ''];
  const { status, stdout } = spawnSync('go', args, {
    cwd: join(serversDir, name),
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    env: goEnv,
  });
  if (status !== 0) return `go ${args.join(' ')} ended with ${status}`;
  for (const file of files) {
    copyFileSync(join(stdout.trim(), file), join(directory, basename(file)));
    chmodSync(join(directory, basename(file)), 0o644);
  }
  return null;
}

const known = readdirSync(serversDir).toSorted();
const onlyBuilt = process.argv[2] === '--built';
const named = process.argv.slice(onlyBuilt ? 3 : 2);
for (const name of named.length > 0 ? named : known) {
  if (!known.includes(name)) fail(`no server ${name}; one of: ${known.join(', ')}`);
  const pinned = pinnedBy(name);
  if (!onlyBuilt) build(name, pinned);
  for (const [binary, path] of binariesOf(pinned)) {
    if (existsSync(path)) process.stdout.write(`${binary} ${path}\n`);
    else if (!onlyBuilt) fail(`${name}: ${pinned.home} lacks ${binary}; remove that folder and build again`);
  }
}
