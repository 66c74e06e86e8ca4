import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from './backend.ts';

export type BackendName = 'gvisor' | 'bubblewrap' | 'launcher';

/** What to do when a backend does not work. */
export const BACKEND_FIXES: Readonly<Record<BackendName, string>> = {
  gvisor: 'nothing to do: the next backend is used',
  bubblewrap:
    'apt-get install bubblewrap; where AppArmor restricts user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  launcher: 'run Linux 5.19 or newer with `landlock` in the lsm= kernel parameter',
};

export interface FoundBackend {
  /** To be proved in this order. */
  readonly candidates: readonly Backend[];
  /** Why there is none. */
  readonly reason: string;
}

/** The ways a named backend could run here, before any is proved. */
export async function findBackend(
  name: BackendName,
  programDirs: readonly string[],
  namespaces: boolean,
): Promise<FoundBackend> {
  if (name === 'launcher') {
    return {
      candidates: [
        ...(namespaces ? [{ kind: 'launcher', namespaces } as const] : []),
        { kind: 'launcher', namespaces: false },
      ],
      reason: '',
    };
  }
  const command = name === 'gvisor' ? 'runsc' : 'bwrap';
  const program = await findOn(programDirs, command);
  if (program === null) return { candidates: [], reason: `${command} is not installed` };
  if (name === 'gvisor')
    return { candidates: [], reason: `${program} is there, but gVisor is not supported` };
  return { candidates: [{ kind: 'bubblewrap', program }], reason: '' };
}

async function findOn(dirs: readonly string[], name: string): Promise<string | null> {
  for (const dir of dirs) {
    const path = join(dir, name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return null;
}
