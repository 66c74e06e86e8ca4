import type { JsonObject } from '@carapulse/kernel';
import type { Assistant } from './assistant.ts';
import { repairPlaybook } from './repair-playbook.ts';
import { steeredScenes } from './steered-scenes.ts';
import { scheduleScenes } from './schedule-scenes.ts';
import { approve, endOf, planNow, proposedPlan, until, webhook, type PlanView, type World } from './world.ts';

/** One request that a role may make and that is to succeed. */
export interface SceneRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
}
/** Brings about the state in which an operation succeeds for `who`. */
export type Scene = (who: string) => SceneRequest | Promise<SceneRequest>;

const REASON = { reason: 'the contract is looked at from outside' };

/**
 * For each operation of the document a way to its success. A run that is parked over two writes of unknown outcome
 * keeps the targets meanwhile, so that no other run moves what plans are made from.
 */
export async function apiScenes(
  world: World,
  assistant: Assistant,
): Promise<Readonly<Record<string, Scene>>> {
  const dev = assistant.as('dev');
  const commits = await world.shop.breakBoth();
  let services = 0;
  const alert = (alertname: string): Promise<string> =>
    world.alert(assistant, { alertname, service: `scene-${(services += 1)}`, commits });
  const incident = await alert('BothBroken');
  const parked = await parkedRun(world, assistant, await proposedPlan(assistant, incident));
  const taken = new Set<string>([parked.plan_id]);
  /** One that waits for approval and that no scene had yet: what `createPlan` left, else a new one. */
  const plan = async (): Promise<PlanView> => {
    const { body } = await dev.call('listPlans', {
      query: { incident_id: incident, status: 'awaiting_approval' },
    });
    const spare = body.items.find(({ plan_id }) => !taken.has(plan_id));
    const view =
      spare === undefined
        ? (await dev.call('createPlan', { body: { playbook: 'repair', incident_id: incident } })).body
        : await planNow(assistant, spare.plan_id);
    taken.add(view.plan.plan_id);
    return view;
  };
  const planId = async (): Promise<Readonly<Record<string, string>>> => ({
    plan_id: (await plan()).plan.plan_id,
  });
  const flapping = { alertname: 'BothBroken', service: 'flapping', commits };
  const heldPlan = async (): Promise<string> => {
    const { plan: made } = await proposedPlan(assistant, await world.alert(assistant, flapping));
    await world.alert(assistant, { ...flapping, status: 'resolved' });
    return made.plan_id;
  };
  const idle = (id: string): Promise<true> =>
    until('the investigation to end', async () => {
      const { body } = await dev.call('getIncident', { params: { incident_id: id } });
      return body.investigations.every((each) => each.ended_at !== null) || null;
    });
  const { execution_id } = parked;
  const running = { params: { execution_id } };
  const decided = once(plan);
  const revoked = once(plan);
  const unmatched = once(() => alert('Unmatched'));
  const read: Scene = () => ({});
  const steps = ['revert-alpha', 'revert-beta'];

  /** Runs that found the targets held try for a while to begin; one that parks here must be alone. */
  const park = async (): Promise<string> => {
    await until('the end of every run', async () => {
      const { body } = await dev.call('listExecutions', { query: { limit: 200 } });
      return body.items.every(({ ended_at }) => ended_at !== null) || null;
    });
    return (await parkedRun(world, assistant, await world.plan(assistant))).execution_id;
  };

  return {
    ...steeredScenes(assistant, park),
    ...scheduleScenes(world, assistant),
    createPlan: () => ({ body: { playbook: 'repair', incident_id: incident } }),
    listPlans: read,
    getPlan: () => ({ params: { plan_id: parked.plan_id } }),
    executePlan: () => ({ params: { plan_id: parked.plan_id }, body: {} }),
    cancelPlan: async () => ({ params: await planId(), body: REASON }),
    releasePlan: async () => ({ params: { plan_id: await heldPlan() }, body: REASON }),
    breakGlassPlan: async () => ({ params: await planId(), body: { ...REASON, incident_id: incident } }),
    decideApproval: async () => {
      const { plan_id, plan_hash } = (await decided()).plan;
      return { body: { plan_id, plan_hash, verdict: 'approve' } };
    },
    listApprovals: () => ({ params: { plan_id: parked.plan_id } }),
    revokeApproval: async (who) => {
      const view = await revoked();
      const { approval_id } = await approve(assistant, view, who);
      return { params: { plan_id: view.plan.plan_id, approval_id }, body: REASON };
    },
    listExecutions: read,
    getExecution: () => running,
    getHistory: () => running,
    streamLogs: () => running,
    cancelExecution: () => ({ ...running, body: REASON }),
    resumeExecution: () => ({ ...running, body: REASON }),
    resolveStep: () => ({
      params: { execution_id, step_id: steps.shift() ?? '' },
      body: { ...REASON, outcome: 'not_done' },
    }),
    listIncidents: read,
    getIncident: () => ({ params: { incident_id: incident } }),
    investigateIncident: async () => {
      const id = await unmatched();
      await idle(id);
      return { params: { incident_id: id }, body: REASON };
    },
    closeIncident: async () => ({ params: { incident_id: await alert('Unmatched') }, body: REASON }),
    listPlaybooks: read,
    putPlaybook: () => ({
      body: {
        source: 'scene.yaml',
        yaml: repairPlaybook({
          name: 'scene',
          alertname: 'Scene',
          shopUrl: world.shop.url,
          expiresIn: '1h',
        }),
      },
    }),
    listWorkflows: read,
    // A commit of its own: those of other scenes may have been changed again by runs.
    startWorkflow: async () => ({
      params: { name: 'revert-commit' },
      body: { ...REASON, input: { repository: 'alpha', commit: await world.shop.pushInnocent('alpha') } },
    }),
    listAuditEvents: read,
    receiveAlerts: () => ({
      body: webhook({ alertname: 'Unmatched', service: `scene-${(services += 1)}` }) as JsonObject,
    }),
    getHalt: read,
    setHalt: () => ({ body: { ...REASON, scope: 'staging' } }),
    clearHalt: () => ({ body: { ...REASON, scope: 'staging' } }),
    healthz: read,
    readyz: read,
    metrics: read,
    openapi: read,
  };
}

/** A run both of whose pushes broke off before they moved anything, in a way that nobody can tell. */
async function parkedRun(
  { shop }: World,
  assistant: Assistant,
  view: PlanView,
): Promise<{ readonly plan_id: string; readonly execution_id: string }> {
  for (const name of ['alpha', 'beta'] as const) shop.breakPush(name, 'before');
  await approve(assistant, view, 'alice');
  const { execution_id } = await approve(assistant, view, 'bob');
  const { execution } = await endOf(assistant, execution_id ?? '');
  for (const name of ['alpha', 'beta'] as const) shop.repair(name);
  if (execution.status !== 'parked') throw new Error(`It is ${execution.status}: ${execution.status_reason}`);
  return { plan_id: view.plan.plan_id, execution_id: execution.execution_id };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => (made ??= make());
}
