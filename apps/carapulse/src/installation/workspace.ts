import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from '@carapulse/tools';

/**
 * Scratch directories under `scratch`, one a call, and a cache a tool under `cache`. `first` says that no other process
 * has the installation.
 */
export async function openWorkspace(
  paths: { readonly scratch: string; readonly toolCache: string },
  handOver: (directory: string, signal: AbortSignal) => Promise<void>,
  first: boolean,
): Promise<Workspace> {
  // What a killed process left behind belongs to nobody, unless another one is there whose it may be.
  if (first) await rm(paths.scratch, { recursive: true, force: true });
  // Root's commands run as somebody else, who must be able to pass through to the directories handed over.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  await makeDirectory(paths.scratch, mode);
  await makeDirectory(paths.toolCache, mode);
  return {
    open: async (tool, directories, signal) => {
      signal.throwIfAborted();
      const cache = join(paths.toolCache, tool);
      // Whoever removes it meanwhile does no harm.
      await makeDirectory(paths.toolCache, mode);
      await mkdir(cache, { recursive: true, mode: 0o700 });
      await handOver(cache, signal);
      const scratch = await mkdtemp(join(paths.scratch, `${tool}-`));
      for (const name of directories) {
        await mkdir(join(scratch, name), { mode: 0o700 });
        await handOver(join(scratch, name), signal);
      }
      // Last: until then nobody else can put anything in the way.
      await handOver(scratch, signal);
      return { scratch, cache, close: () => rm(scratch, { recursive: true, force: true }).catch(() => {}) };
    },
  };
}

/** Of exactly this mode, also under a strict umask and where a person made it beforehand. */
async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
}
