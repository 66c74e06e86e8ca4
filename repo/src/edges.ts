import { isTestCode, packageOfFile, packagesOf, sourceFiles, type Repository } from './repository.ts';
import { factsOf } from './source-facts.ts';

/** Which folders of core/ each one may import. Adding an edge is a decision: the table must stay without cycles. */
export const CORE_EDGES: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  audit: ['kernel'],
  configuration: ['incident', 'kernel'],
  governance: ['kernel'],
  incident: ['kernel'],
  policy: ['kernel'],
  diagnosis: ['incident', 'kernel'],
  plan: ['kernel', 'policy'],
  schedule: ['kernel'],
  workflows: ['kernel', 'plan'],
  approval: ['governance', 'kernel', 'plan', 'policy'],
  tools: ['approval', 'kernel', 'plan', 'policy'],
  planning: ['diagnosis', 'incident', 'kernel', 'plan', 'policy', 'tools'],
  contract: ['approval', 'governance', 'incident', 'kernel', 'plan', 'policy', 'schedule'],
  operations: [
    'approval',
    'audit',
    'diagnosis',
    'governance',
    'incident',
    'kernel',
    'plan',
    'planning',
    'policy',
    'schedule',
    'tools',
    'workflows',
  ],
};

/** Which rings each ring may import. Only apps compose; `core` and `examples` are narrowed further below. */
export const RING_EDGES: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  adapters: ['core'],
  apps: ['core', 'adapters', 'examples'],
  examples: ['core'],
  repo: ['core', 'adapters', 'apps', 'examples'],
  bench: ['core', 'adapters', 'apps', 'examples', 'e2e'],
  e2e: ['core', 'adapters', 'apps', 'examples'],
  native: [],
};

/** Vendor libraries and built-in modules that shipped core code may import. */
const CORE_IMPORTS = ['zod', 'node:crypto'];

/** Every import that the tables do not allow, as one sentence each. */
export function edgeFaults(repository: Repository): readonly string[] {
  const packages = packagesOf(repository);
  const folderOf = new Map(packages.map(({ folder, manifest }) => [manifest.name, folder]));
  return sourceFiles(repository).flatMap((path) => {
    const from = packageOfFile(packages, path).folder;
    return factsOf(repository, path).imports.flatMap(({ specifier }) => {
      if (specifier.startsWith('.')) return leavesPackage(path, from, specifier);
      const to = folderOf.get(packageName(specifier));
      if (to !== undefined) return edgeFault(path, from, to);
      if (!path.startsWith('core/') || isTestCode(path) || CORE_IMPORTS.includes(specifier)) return [];
      return [`${path} imports ${specifier}; core may import only ${CORE_IMPORTS.join(' and ')}`];
    });
  });
}

function edgeFault(path: string, from: string, to: string): readonly string[] {
  const [ring = '', own = ''] = path.split('/');
  const [toRing = '', target = ''] = to.split('/');
  if (to === from) return [`${path} imports its own package by name; use a relative path`];
  if (!(RING_EDGES[ring] ?? []).includes(toRing)) {
    return [`${path} imports ${to}; ${ring || 'the root'} may import only ${list(RING_EDGES[ring])}`];
  }
  if (ring === 'core' && !(CORE_EDGES[own] ?? []).includes(target)) {
    return [`${path} imports ${to}; core/${own} may import only ${list(CORE_EDGES[own])}`];
  }
  if (ring === 'examples' && target !== 'kernel') {
    return [`${path} imports ${to}; examples may import only core/kernel`];
  }
  return [];
}

function leavesPackage(path: string, folder: string, specifier: string): readonly string[] {
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  const inside = folder === '' || target.startsWith(`${folder}/`);
  return inside ? [] : [`${path} imports ${specifier}, outside its package; import the package by its name`];
}

/** `@scope/name` or `name`, without a subpath. */
export function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function list(names: readonly string[] | undefined): string {
  return names === undefined || names.length === 0 ? 'nothing of ours' : names.join(', ');
}
