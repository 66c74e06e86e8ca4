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
  switch (backend.kind) {
    case 'bubblewrap':
      return `bubblewrap (${backend.program}) with own namespaces, seccomp and Landlock where the kernel has it`;
    case 'launcher':
      return backend.namespaces
        ? 'own launcher with user namespaces, seccomp and Landlock'
        : 'own launcher with seccomp and Landlock, without namespaces';
    case 'none':
      return 'NO sandbox: commands run open, with limits only, because the configuration allows it';
  }
}

/** The part of the launcher's spec that depends on the backend. */
export function confinement(
  backend: Backend,
  launcher: string,
  plan: LaunchPlan,
  system: SystemPaths,
): Pick<SuperviseSpec, 'confine' | 'wrap' | 'namespaces'> {
  switch (backend.kind) {
    case 'bubblewrap':
      return {
        confine: 'bubblewrap',
        wrap: bubblewrapArguments(backend.program, launcher, plan, system),
        namespaces: false,
      };
    case 'launcher':
      return { confine: 'landlock', wrap: [], namespaces: backend.namespaces };
    case 'none':
      return { confine: 'none', wrap: [], namespaces: false };
  }
}
