import type { LaunchPlan } from './launch-plan.ts';
import type { SuperviseSpec } from './supervise.ts';
import { bubblewrapArguments } from './bubblewrap-arguments.ts';
import type { SystemPaths } from './system-paths.ts';

/** A way to confine that can be tried. `launcher` tries namespaces of its own first, then does without. */
export type Backend =
  | { readonly kind: 'bubblewrap'; readonly program: string }
  | { readonly kind: 'launcher'; readonly namespaces: boolean }
  | { readonly kind: 'none' };

export function describeBackend(backend: Backend): string {
  if (backend.kind === 'bubblewrap') {
    return `bubblewrap (${backend.program}): own namespaces, seccomp, and Landlock where the kernel has it`;
  }
  if (backend.kind === 'none') {
    return 'NO sandbox: commands run open, with limits only, because the configuration allows it';
  }
  return backend.namespaces
    ? 'own launcher: own namespaces, seccomp and Landlock'
    : 'own launcher: seccomp and Landlock, without namespaces';
}

/** The part of the launcher's spec that depends on the backend. */
export function confinement(
  backend: Backend,
  launcher: string,
  plan: LaunchPlan,
  system: SystemPaths,
): Pick<SuperviseSpec, 'confine' | 'wrap' | 'namespaces'> {
  if (backend.kind === 'bubblewrap') {
    const wrap = bubblewrapArguments(backend.program, launcher, plan, system);
    return { confine: 'bubblewrap', wrap, namespaces: false };
  }
  if (backend.kind === 'none') return { confine: 'none', wrap: [], namespaces: false };
  return { confine: 'landlock', wrap: [], namespaces: backend.namespaces };
}
