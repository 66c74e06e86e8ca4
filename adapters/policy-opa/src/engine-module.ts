import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { AppError } from '@carapulse/kernel';
import { z } from 'zod';
import { limitMemory } from './memory-limit.ts';

const decompress = promisify(brotliDecompress);

/** What native/build.ts wrote beside an artefact. */
export const ArtifactManifest = z.looseObject({ raw_sha256: z.string(), compressed_sha256: z.string() });

// Weak: OPA is needed rarely and takes tens of megabytes; two uses close together share one compilation.
const compiled = new Map<string, WeakRef<WebAssembly.Module>>();

/** @throws AppError `unavailable` when the artefact's manifest can't be read. */
export async function readManifest(artifact: string): Promise<z.infer<typeof ArtifactManifest>> {
  try {
    return ArtifactManifest.parse(JSON.parse(await readFile(`${artifact}.sha256.json`, 'utf8')));
  } catch (error) {
    throw new AppError('unavailable', `The manifest of ${artifact} cannot be read: ${String(error)}`, {
      cause: error,
    });
  }
}

/**
 * OPA as a compiled module whose memory cannot grow over `maxMemoryBytes`. Off the event loop.
 * @throws AppError `unavailable` when the artefact is missing or not what its manifest names.
 */
export async function engineModule(artifact: string, maxMemoryBytes: number): Promise<WebAssembly.Module> {
  const manifest = await readManifest(artifact);
  const key = `${manifest.raw_sha256} ${maxMemoryBytes} ${artifact}`;
  const known = compiled.get(key)?.deref();
  if (known !== undefined) return known;
  try {
    const compressed = await readFile(`${artifact}.br`);
    if (createHash('sha256').update(compressed).digest('hex') !== manifest.compressed_sha256) {
      throw new Error('it is not the artefact that its manifest names; restore both from the release');
    }
    const module = await WebAssembly.compile(limitMemory(await decompress(compressed), maxMemoryBytes));
    compiled.set(key, new WeakRef(module));
    return module;
  } catch (error) {
    throw new AppError('unavailable', `${artifact}.br cannot be used: ${String(error)}`, { cause: error });
  }
}
