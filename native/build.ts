/**
 * Builds the artefacts of native/ from their Go sources and commits them compressed to native/artifacts/.
 *
 *   node native/build.ts [name…]            build and write
 *   node native/build.ts --check [name…]    build into a temporary directory and prove byte identity
 *     --once   skip what was already proved identical, by a note in $CARAPULSE_CACHE or ~/.cache/carapulse
 *
 * Adding one: a folder native/<module>/ with its go.mod, and a row in `artefacts`.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** The one toolchain that gives these bytes; `go` fetches it through its module proxy if it has another. */
const TOOLCHAIN = 'go1.26.8';

interface Artefact {
  /** File name of the raw artefact; `.br` and `.sha256.json` are derived from it. */
  readonly file: string;
  /** Folder below native/. */
  readonly module: string;
  readonly goos: string;
  readonly goarch: string;
  readonly flags: readonly string[];
}

const artefacts: Readonly<Record<string, Artefact>> = {
  'launcher-amd64': {
    file: 'launcher-linux-amd64',
    module: 'launcher',
    goos: 'linux',
    goarch: 'amd64',
    flags: [],
  },
  'launcher-arm64': {
    file: 'launcher-linux-arm64',
    module: 'launcher',
    goos: 'linux',
    goarch: 'arm64',
    flags: [],
  },
  'policy-opa': {
    file: 'policy-opa.wasm',
    module: 'policy-opa',
    goos: 'wasip1',
    goarch: 'wasm',
    flags: ['-buildmode=c-shared'],
  },
};

interface Manifest {
  readonly file: string;
  readonly toolchain: string;
  readonly raw_sha256: string;
  readonly raw_bytes: number;
  readonly compressed_sha256: string;
  readonly compressed_bytes: number;
}

const nativeDir = import.meta.dirname;
const artifactsDir = join(nativeDir, 'artifacts');
const cacheDir = process.env['CARAPULSE_CACHE'] ?? join(homedir(), '.cache', 'carapulse');
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function fail(message: string): never {
  process.stderr.write(`native/build: ${message}\n`);
  process.exit(1);
}

function compile(name: string, artefact: Artefact): Buffer {
  const scratch = mkdtempSync(join(tmpdir(), 'carapulse-native-'));
  try {
    const output = join(scratch, artefact.file);
    const args = [
      'build',
      '-trimpath',
      '-buildvcs=false',
      '-ldflags=-s -w',
      ...artefact.flags,
      '-o',
      output,
      '.',
    ];
    const built = spawnSync('go', args, {
      cwd: join(nativeDir, artefact.module),
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        GOOS: artefact.goos,
        GOARCH: artefact.goarch,
        GOTOOLCHAIN: TOOLCHAIN,
        CGO_ENABLED: '0',
        GOFLAGS: '-mod=readonly',
        GOWORK: 'off',
        GOEXPERIMENT: '',
      },
    });
    if (built.error !== undefined)
      fail(`${name}: cannot run go (${built.error.message}); install Go 1.21 or newer`);
    if (built.status !== 0) fail(`${name}: go build ended with ${built.status ?? built.signal}`);
    return readFileSync(output);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function write(name: string, artefact: Artefact): void {
  const raw = compile(name, artefact);
  const compressed = brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
  const manifest: Manifest = {
    file: artefact.file,
    toolchain: TOOLCHAIN,
    raw_sha256: sha256(raw),
    raw_bytes: raw.length,
    compressed_sha256: sha256(compressed),
    compressed_bytes: compressed.length,
  };
  mkdirSync(artifactsDir, { recursive: true });
  writeFileSync(join(artifactsDir, `${artefact.file}.br`), compressed);
  writeFileSync(join(artifactsDir, `${artefact.file}.sha256.json`), `${JSON.stringify(manifest, null, 2)}\n`);
  process.stderr.write(`native/build: ${name}: ${raw.length} bytes, ${compressed.length} compressed\n`);
}

function check(name: string, artefact: Artefact): void {
  const manifest = JSON.parse(
    readFileSync(join(artifactsDir, `${artefact.file}.sha256.json`), 'utf8'),
  ) as Manifest;
  const compressed = readFileSync(join(artifactsDir, `${artefact.file}.br`));
  if (sha256(compressed) !== manifest.compressed_sha256) {
    fail(`${name}: ${artefact.file}.br is not what its manifest names; run \`node native/build.ts ${name}\``);
  }
  const committed = brotliDecompressSync(compressed);
  if (sha256(committed) !== manifest.raw_sha256) {
    fail(
      `${name}: the committed bytes are not what the manifest names; run \`node native/build.ts ${name}\``,
    );
  }
  const note = join(cacheDir, 'native-checked', `${name}-${sourcesDigest(artefact, manifest)}`);
  if (once && existsSync(note)) {
    process.stderr.write(`native/build: ${name}: these sources and bytes were proved identical before\n`);
    return;
  }
  const rebuilt = compile(name, artefact);
  if (!rebuilt.equals(committed)) {
    fail(
      `${name}: the sources give ${sha256(rebuilt)}, committed is ${manifest.raw_sha256}; rebuild and commit it`,
    );
  }
  mkdirSync(dirname(note), { recursive: true });
  writeFileSync(note, '');
  process.stderr.write(`native/build: ${name}: identical to its sources (${manifest.raw_sha256})\n`);
}

/** Of all that decides the bytes: this script, the module's files, and the bytes that are committed. */
function sourcesDigest(artefact: Artefact, manifest: Manifest): string {
  const moduleDir = join(nativeDir, artefact.module);
  const files = readdirSync(moduleDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const parts = [import.meta.filename, ...files].map((file) => [
    relative(nativeDir, file),
    sha256(readFileSync(file)),
  ]);
  return sha256(Buffer.from(JSON.stringify([artefact, manifest.raw_sha256, parts])));
}

const checking = process.argv.includes('--check');
const once = process.argv.includes('--once');
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
for (const name of named.length > 0 ? named : Object.keys(artefacts)) {
  const artefact = artefacts[name];
  if (artefact === undefined) fail(`no artefact ${name}; one of: ${Object.keys(artefacts).join(', ')}`);
  if (checking) check(name, artefact);
  else write(name, artefact);
}
