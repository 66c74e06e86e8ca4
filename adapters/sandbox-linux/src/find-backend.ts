import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from './backend.ts';

export type BackendName = 'gvisor' | 'bubblewrap' | 'launcher';

export interface FoundBackend {
  /** To be proved in this order. */
  readonly candidates: readonly Backend[];
  /** Why there is none. */
  readonly reason: string;
  /** What to do when there is none, or none holds. */
  readonly fix: string;
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
      fix: 'run Linux 5.19 or newer with `landlock` in the lsm= kernel parameter',
    };
  }
  const program = await findOn(programDirs, name === 'gvisor' ? 'runsc' : 'bwrap');
  if (name === 'gvisor') {
    const reason =
      program === null ? 'runsc is not installed' : `${program} is there, but gVisor is not supported`;
    return { candidates: [], reason, fix: 'nothing to do: the next backend is used' };
  }
  if (program === null) {
    return { candidates: [], reason: 'bwrap is not installed', fix: 'apt-get install bubblewrap' };
  }
  return {
    candidates: [{ kind: 'bubblewrap', program }],
    reason: '',
    fix: 'allow user namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=10000',
  };
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
