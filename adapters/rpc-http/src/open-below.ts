import { open, readlink, type FileHandle } from 'node:fs/promises';
import { isAbsolute, sep } from 'node:path';
import { AppError } from '@carapulse/kernel';
import type { SandboxMount } from '@carapulse/tools';

/** A mount that is held open, so that nothing else can come to have its inode. */
export interface OpenedMount {
  readonly mount: SandboxMount;
  readonly handle: FileHandle;
}

/**
 * Opens what the mounts name and judges what was opened, not its name: a command that runs may exchange a directory for
 * a link at any instant. @returns the mounts with the identity of what was judged; the caller closes the handles.
 * @throws AppError `forbidden` for a mount outside the roots, `not_found` for one that isn't there, `invalid_input` for
 * one without an absolute path.
 */
export async function openBelow(
  mounts: readonly SandboxMount[],
  roots: readonly string[],
): Promise<readonly OpenedMount[]> {
  const opened: OpenedMount[] = [];
  const writable: string[] = [];
  try {
    for (const mount of mounts) {
      const handle = await openMount(mount.path);
      opened.push({ mount, handle });
      const real = await readlink(`/proc/self/fd/${handle.fd}`);
      if (!roots.some((root) => isBelow(real, root))) throw outside(mount.path);
      if (mount.mode === 'rw') writable.push(real);
      const { dev, ino } = await handle.stat({ bigint: true });
      opened[opened.length - 1] = { mount: { ...mount, identity: `${dev}:${ino}` }, handle };
    }
    const inner = writable.find((path) => writable.some((root) => path !== root && isBelow(path, root)));
    // Whoever writes the outer one could lead the inner one's name elsewhere.
    if (inner !== undefined) {
      throw new AppError('invalid_input', `The writable mount ${inner} lies in another one; leave it out.`);
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(({ handle }) => handle.close()));
    throw error;
  }
}

/** `O_PATH` of Linux, which Node has no name for: needs no right to read what it opens, and waits for no pipe. */
const O_PATH = 0o10000000;

async function openMount(path: string): Promise<FileHandle> {
  if (!isAbsolute(path)) throw new AppError('invalid_input', `The mount ${path} is not an absolute path.`);
  try {
    return await open(path, O_PATH);
  } catch (error) {
    throw new AppError('not_found', `The mount ${path} is not on the sandbox's machine.`, { cause: error });
  }
}

function isBelow(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root.replace(/\/$/, '')}${sep}`);
}

function outside(path: string): AppError {
  return new AppError(
    'forbidden',
    `The mount ${path} is outside what this sandbox may show to commands; add its directory to sandbox.exec.mount_roots.`,
    { details: { reason: 'mount_not_allowed', class: 'permanent' } },
  );
}
