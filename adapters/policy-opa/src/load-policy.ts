import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { bundleError } from './bundle-error.ts';
import { CompiledPolicy } from './compiled-policy.ts';
import { readManifest } from './engine-module.ts';
import { readPolicyBundle } from './policy-bundle.ts';
import { runGuest } from './run-guest.ts';
import type { PolicyBundle } from './policy-bundle.ts';
import type { GuestLimits } from './run-guest.ts';

/** What a bundle must define: the document that answers a question. */
export const DECISION_QUERY = 'data.policy.assistant.v1.decision';

/** A bundle compiled once; `instantiate` gives an evaluator of its own memory. */
export interface LoadedPolicy {
  readonly digest: string;
  instantiate(): CompiledPolicy;
}

export interface LoadPolicyOptions {
  readonly dir: string;
  /** Where compiled bundles are kept between starts, by digest; null compiles at each start (about a second). */
  readonly cacheDir: string | null;
  readonly maxMemoryBytes: number;
  readonly guest: GuestLimits;
}

/**
 * Reads, type-checks and compiles a directory of rules. The cache only skips the compiler, never a check: its
 * key covers the bundle's bytes and the compiler's, and it must be writable by nobody who may not write policies.
 * @throws AppError `invalid_input` for rules that don't compile, `unavailable`, `timeout`, `cancelled`.
 */
export async function loadPolicy(options: LoadPolicyOptions, signal: AbortSignal): Promise<LoadedPolicy> {
  const bundle = await readPolicyBundle(options.dir, signal);
  const module = await compiledModule(bundle, options, signal);
  const instantiate = () => new CompiledPolicy(module, bundle.data, options.maxMemoryBytes);
  // A bundle that cannot even be instantiated must not come into force.
  instantiate();
  return { digest: bundle.digest, instantiate };
}

async function compiledModule(bundle: PolicyBundle, options: LoadPolicyOptions, signal: AbortSignal) {
  const place = options.cacheDir === null ? null : await cachePlace(bundle, options.cacheDir, options.guest);
  const cached = place === null ? null : await readCached(place);
  if (cached !== null) return cached;
  const answer = await runGuest({ op: 'compile', ...bundle, query: DECISION_QUERY }, signal, options.guest);
  if (answer.errors !== undefined) throw bundleError(answer.errors);
  if (answer.wasm === undefined) throw new AppError('unavailable', 'The policy compiler gave no module');
  const bytes = Buffer.from(answer.wasm, 'base64');
  const module = await WebAssembly.compile(bytes);
  if (place !== null) await writeCached(place, bytes);
  return module;
}

async function cachePlace(bundle: PolicyBundle, cacheDir: string, guest: GuestLimits): Promise<string> {
  const manifest = await readManifest(guest.artifact);
  const bundleId = bundle.digest.replace(':', '-');
  return join(cacheDir, `policy-${bundleId}-${manifest.raw_sha256.slice(0, 16)}.wasm`);
}

async function readCached(place: string): Promise<WebAssembly.Module | null> {
  try {
    return await WebAssembly.compile(await readFile(place));
  } catch {
    // Absent, or torn by a crash: the compiler writes it anew.
    return null;
  }
}

async function writeCached(place: string, bytes: Uint8Array): Promise<void> {
  const scratch = `${place}.${randomUUID()}`;
  try {
    await mkdir(join(place, '..'), { recursive: true, mode: 0o700 });
    await writeFile(scratch, bytes, { mode: 0o600, flag: 'wx' });
    await rename(scratch, place);
  } catch {
    // A cache that cannot be written costs a second at the next start, nothing else.
    await rm(scratch, { force: true }).catch(() => {});
  }
}
