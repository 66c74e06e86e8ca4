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

/** Verbs that are exercised only by tests of the whole product, over HTTP. Take one out when it gains its own test. */
const THROUGH_THE_PRODUCT = new Set([
  'breakGlassPlan',
  'decideApproval',
  'listApprovals',
  'revokeApproval',
  'listAuditEvents',
  'cancelExecution',
  'resumeExecution',
  'resolveStep',
  'getExecution',
  'listExecutions',
  'readLogs',
  'setHalt',
  'clearHalt',
  'getHalt',
  'closeIncident',
  'investigateIncident',
  'getIncident',
  'listIncidents',
  'receiveAlerts',
  'listPlaybooks',
  'putPlaybook',
  'cancelPlan',
  'createPlan',
  'executePlan',
  'getPlan',
  'listPlans',
  'releasePlan',
]);

const madeUp = (handlers: string, test: string) =>
  repositoryOf({
    'adapters/gateway-fastify/src/handlers.ts': handlers,
    'adapters/gateway-fastify/src/log-stream.ts': '',
    'core/operations/src/x.test.ts': test,
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
    expect(operationFaults(madeUp(handler, 'getPlan'), getPlan, routes)).toEqual([]);
    expect(operationFaults(madeUp('', 'getPlan'), getPlan, routes)).toEqual(['no route calls getPlan']);
    expect(
      operationFaults(madeUp(handler, 'getPlan'), getPlan, { getPlan: { permission: 'public' } }),
    ).toHaveLength(1);
  });

  it('are each named by a test, but for those that only tests of the whole product reach', () => {
    const alone = untestedVerbs(repository, verbs).filter((verb) => !THROUGH_THE_PRODUCT.has(verb));
    expect(alone).toEqual([]);
  });

  it('are found wanting without a test', () => {
    expect(untestedVerbs(madeUp(handler, 'getPlan'), getPlan)).toEqual([]);
    expect(untestedVerbs(madeUp(handler, 'getPlans'), getPlan)).toEqual(['getPlan']);
  });
});
