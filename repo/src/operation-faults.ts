import type { Repository } from './repository.ts';
import { factsOf } from './source-facts.ts';

interface Verb {
  /** Name of the exported constant. */
  readonly constant: string;
  readonly permission: string;
}

const GATEWAY = 'adapters/gateway-fastify/src/';

/** Which verbs each route's handler calls, by the gateway's sources; calls outside the table are under ''. */
export function verbsOfRoutes(repository: Repository): ReadonlyMap<string, readonly string[]> {
  const called = new Map<string, readonly string[]>();
  const tables = repository.files.filter((path) => path.startsWith(GATEWAY) && path.endsWith('handlers.ts'));
  for (const [id, names] of tables.flatMap((path) => [...factsOf(repository, path).invokes]))
    called.set(id, [...(called.get(id) ?? []), ...names]);
  const streamed = factsOf(repository, `${GATEWAY}log-stream.ts`).invokes;
  return called.set('streamLogs', [...streamed.values()].flat());
}

/** Verbs that no route reaches, and routes that ask for another permission than their verb. */
export function operationFaults(
  repository: Repository,
  verbs: readonly Verb[],
  routes: Readonly<Record<string, { readonly permission: string }>>,
): readonly string[] {
  const called = verbsOfRoutes(repository);
  const reached = new Set([...called.values()].flat());
  const faults = verbs.flatMap(({ constant }) =>
    reached.has(constant) ? [] : [`no route calls ${constant}`],
  );
  for (const [id, names] of called) {
    const verb = verbs.find(({ constant }) => constant === names[0]);
    const route = routes[id];
    if (id === '' || verb === undefined || route === undefined || route.permission === verb.permission)
      continue;
    faults.push(`route ${id} asks for ${route.permission}, its verb ${verb.constant} for ${verb.permission}`);
  }
  return faults;
}

const TESTS_OF_VERBS = /^core\/operations\/src\/.+\/([a-z-]+)\.test\.ts$/;

/** Verbs that no test beside their own source imports from it and runs through `invoke`, the way that callers come. */
export function untestedVerbs(repository: Repository, verbs: readonly Verb[]): readonly string[] {
  const tested = new Set(
    repository.files.flatMap((path) => {
      const source = TESTS_OF_VERBS.exec(path)?.[1];
      if (source === undefined) return [];
      const { imports, invokes } = factsOf(repository, path);
      const own = imports.find(({ specifier }) => specifier === `./${source}.ts`)?.names ?? [];
      return [...invokes.values()].flat().filter((name) => own.includes(name));
    }),
  );
  return verbs.map(({ constant }) => constant).filter((constant) => !tested.has(constant));
}
