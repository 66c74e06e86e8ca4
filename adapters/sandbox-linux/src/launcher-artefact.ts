import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { AppError } from '@carapulse/kernel';

interface Manifest {
  readonly raw_sha256: string;
  readonly compressed_sha256: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Where the committed artefacts lie in a checkout. */
export const ARTEFACTS_DIR = join(import.meta.dirname, '..', '..', '..', 'native', 'artifacts');

/**
 * The launcher as an executable file. Owner: the sandbox. Boundary: one file in the cache directory.
 *  1. What runs has the hash its manifest names; it is read and hashed again whenever the file has changed.
 *  2. A wrong or missing file is replaced by an atomic rename, never written in place.
 */
export class LauncherArtefact {
  readonly path: string;
  readonly #manifest: Manifest;
  readonly #packed: string;
  readonly #mode: number;
  #seen = '';

  private constructor(path: string, packed: string, manifest: Manifest, mode: number) {
    this.path = path;
    this.#packed = packed;
    this.#manifest = manifest;
    this.#mode = mode;
  }

  /**
   * Extracts the launcher for this machine into `cacheDir` (made 0700, or 0711 when `shared`: another uid runs it).
   * @throws AppError `sandbox_unavailable` for an architecture without one, or an artefact that was altered.
   */
  static async open(
    cacheDir: string,
    artefactsDir = ARTEFACTS_DIR,
    shared = false,
  ): Promise<LauncherArtefact> {
    const architecture = ARCHITECTURES[process.arch];
    if (process.platform !== 'linux' || architecture === undefined) {
      throw new AppError(
        'sandbox_unavailable',
        `There is no sandbox launcher for ${process.platform} on ${process.arch}; run on Linux, x64 or arm64.`,
      );
    }
    const name = `launcher-linux-${architecture}`;
    const manifestPath = join(artefactsDir, `${name}.sha256.json`);
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as Manifest;
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    await chmod(cacheDir, shared ? 0o711 : 0o700);
    const path = join(cacheDir, `${name}-${manifest.raw_sha256.slice(0, 16)}`);
    const artefact = new LauncherArtefact(
      path,
      join(artefactsDir, `${name}.br`),
      manifest,
      shared ? 0o755 : 0o700,
    );
    await artefact.verify();
    return artefact;
  }

  /** Makes sure, before each use, that the file is the one that was built; extracts it again if not. */
  async verify(): Promise<void> {
    const now = await fingerprint(this.path);
    if (now !== '' && now === this.#seen) return;
    if (now === '' || (await sha256OfFile(this.path)) !== this.#manifest.raw_sha256) await this.#extract();
    this.#seen = await fingerprint(this.path);
  }

  async #extract(): Promise<void> {
    const packed = await readFile(this.#packed);
    if (sha256(packed) !== this.#manifest.compressed_sha256) throw altered(this.#packed);
    const raw = await promisify(brotliDecompress)(packed);
    if (sha256(raw) !== this.#manifest.raw_sha256) throw altered(this.#packed);
    const temporary = `${this.path}.${randomBytes(6).toString('hex')}`;
    try {
      const file = await open(temporary, 'wx', this.#mode);
      try {
        await file.writeFile(raw);
        await file.chmod(this.#mode);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function sha256OfFile(path: string): Promise<string> {
  return sha256(await readFile(path));
}

/** Changes with any write to the file: the kernel sets the change time, which nobody can set back. */
async function fingerprint(path: string): Promise<string> {
  try {
    const found = await stat(path, { bigint: true });
    return `${found.dev}:${found.ino}:${found.size}:${found.ctimeNs}:${found.mode}:${found.uid}`;
  } catch {
    return '';
  }
}

function altered(path: string): AppError {
  return new AppError(
    'sandbox_unavailable',
    `${path} is not the launcher its manifest names; restore it with \`git checkout -- native/artifacts\`.`,
  );
}
