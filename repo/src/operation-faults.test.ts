import { ROUTES } from '@carapulse/contract';
import * as operations from '@carapulse/operations';
import { describe, expect, it } from 'vitest';
import { operationFaults, untestedVerbs, verbsOfRoutes } from './operation-faults.ts';
import { repositoryOf, thisRepository } from './repository.ts';

const repository = thisRepository();
const verbs = Object.entries(operations).flatMap(([constant, value]) =>
  typeof value === 'object' && 'permission' in value && 'run' in value
    ? [{ constant, permission: value.permission }]
    : [],
);

const gateway = (handlers: string) =>
  repositoryOf({
    'adapters/gateway-fastify/src/handlers.ts': handlers,
    'adapters/gateway-fastify/src/log-stream.ts': '',
  });
const handler =
  'const H = { getPlan: async ({ context }) => ({ body: await invoke(getPlan, context, {}) }) };';
const getPlan = [{ constant: 'getPlan', permission: 'plan.read' }];
const routes = { getPlan: { permission: 'plan.read' } };

describe('the verbs of the product', () => {
  it('are each reached by a route with its permission', () => {
    expect(verbs.length).toBeGreaterThan(20);
    expect(operationFaults(repository, verbs, ROUTES)).toEqual([]);
  });

  it('are called by every route of the gateway that needs one', () => {
    // getPlan answers through the view that every plan route shares.
    const own = ['getPlan', 'metrics', 'openapi', 'healthz', 'readyz'];
    const called = verbsOfRoutes(repository);
    expect(
      Object.keys(ROUTES).filter((id) => !own.includes(id) && (called.get(id) ?? []).length === 0),
    ).toEqual([]);
  });

  it('are found wanting without a route, with another permission', () => {
    expect(operationFaults(gateway(handler), getPlan, routes)).toEqual([]);
    expect(operationFaults(gateway(''), getPlan, routes)).toEqual(['no route calls getPlan']);
    expect(operationFaults(gateway(handler), getPlan, { getPlan: { permission: 'public' } })).toHaveLength(1);
  });

  it('are each tested beside their source', () => {
    expect(untestedVerbs(repository, verbs)).toEqual([]);
  });

  const beside = 'core/operations/src/plans/get-plan.test.ts';
  const calls = "import { getPlan } from './get-plan.ts'; const get = () => invoke(getPlan, context, {});";
  it.each([
    ['a test beside its source runs it', beside, calls, []],
    ['the test lies elsewhere', 'adapters/gateway-fastify/src/get-plan.test.ts', calls, ['getPlan']],
    ['the test is that of another verb', beside.replace('get-', 'list-'), calls, ['getPlan']],
    ['it is named only', beside, "import { getPlan } from './get-plan.ts'; // getPlan", ['getPlan']],
    ['another verb is run', beside, calls.replaceAll('getPlan', 'getPlans'), ['getPlan']],
    ['it is not run by way of invoke', beside, calls.replace('invoke(', 'run('), ['getPlan']],
  ])('are found wanting or not where %s', (_, path, text, wanting) => {
    expect(untestedVerbs(repositoryOf({ [path]: text }), getPlan)).toEqual(wanting);
  });
});
