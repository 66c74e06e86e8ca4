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
  const handlers = factsOf(repository, `${GATEWAY}handlers.ts`).invokes;
  const streamed = factsOf(repository, `${GATEWAY}log-stream.ts`).invokes;
  return new Map([...handlers, ['streamLogs', [...streamed.values()].flat()]]);
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

/** Verbs that no test names, by themselves or by a route of theirs; the table of roles names them all, so it doesn't count. */
export function untestedVerbs(repository: Repository, verbs: readonly Verb[]): readonly string[] {
  const called = [...verbsOfRoutes(repository)];
  const tests = repository.files
    .filter((path) => path.endsWith('.test.ts') && !/\/(permissions|operation-faults)\.test\.ts$/.test(path))
    .map((path) => repository.read(path));
  return verbs
    .filter(({ constant }) => {
      const routes = called.filter(([id, names]) => id !== '' && names[0] === constant).map(([id]) => id);
      const named = new RegExp(`\\b(${[constant, ...routes].join('|')})\\b`);
      return !tests.some((text) => named.test(text));
    })
    .map(({ constant }) => constant);
}
