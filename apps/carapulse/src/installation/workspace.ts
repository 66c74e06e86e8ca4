import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from '@carapulse/tools';

/** Scratch directories under `scratch`, one a call, and a cache a tool under `cache`. */
export async function openWorkspace(
  paths: { readonly scratch: string; readonly toolCache: string },
  handOver: (directory: string) => void,
): Promise<Workspace> {
  // What a killed process left behind belongs to nobody: one process owns the installation.
  await rm(paths.scratch, { recursive: true, force: true });
  await mkdir(paths.scratch, { recursive: true, mode: 0o700 });
  return {
    open: async (tool, signal) => {
      signal.throwIfAborted();
      const cache = join(paths.toolCache, tool);
      await mkdir(cache, { recursive: true, mode: 0o700 });
      handOver(cache);
      const scratch = await mkdtemp(join(paths.scratch, `${tool}-`));
      handOver(scratch);
      return { scratch, cache, close: () => rm(scratch, { recursive: true, force: true }).catch(() => {}) };
    },
  };
}
