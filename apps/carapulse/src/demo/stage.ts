import type { Client } from '@carapulse/client-http';
import { readEvents } from '@carapulse/client-http';
import type { ProductionHandle } from '@carapulse/example-production';
import { AppError } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import type { AssistantProcess } from './assistant-process.ts';
import type { DemoOptions } from './demo-options.ts';
import type { Narrator } from './narrator.ts';

/** What every story needs, whatever it plays in. */
export interface Scene {
  readonly options: Omit<DemoOptions, 'variant'>;
  readonly tell: Narrator;
  /** Replaced when the story kills it and starts it again. */
  assistant: AssistantProcess;
  restart(): Promise<void>;
  readonly signal: AbortSignal;
}

/** Who and what is on stage while a story of the little production is told. */
export interface Stage extends Scene {
  readonly options: DemoOptions;
  readonly production: ProductionHandle;
}

type View<T> = T extends Promise<{ readonly body: infer B }> ? B : never;
export type PlanOnStage = View<ReturnType<typeof getPlan>>;
export type IncidentOnStage = View<ReturnType<typeof getIncident>>;
const getPlan = (client: Client, plan_id: string, signal: AbortSignal) =>
  client.call('getPlan', { params: { plan_id }, signal });
const getIncident = (client: Client, incident_id: string, signal: AbortSignal) =>
  client.call('getIncident', { params: { incident_id }, signal });

const POLL_MS = 100;

/** Asks until `look` has an answer. @throws AppError `timeout` saying what was waited for. */
export async function until<T>(
  what: string,
  withinMs: number,
  signal: AbortSignal,
  look: () => Promise<T | null>,
): Promise<T> {
  const both = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  while (!both.aborted) {
    const answer = await look();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  if (signal.aborted) throw new AppError('cancelled', 'The demo was stopped.');
  throw new AppError(
    'timeout',
    `Waited ${withinMs / 1000} s for ${what}, in vain; the log in the demo's directory tells more.`,
  );
}

/** The incident that the alert opened, once its first investigation has ended. */
export async function investigatedIncident(stage: Scene): Promise<IncidentOnStage> {
  const client = stage.assistant.as('alice');
  return until('the investigation of the incident', 30_000, stage.signal, async () => {
    const { body } = await client.call('listIncidents', { query: { limit: 1 }, signal: stage.signal });
    const id = body.items[0]?.incident_id;
    if (id === undefined) return null;
    const incident = (await getIncident(client, id, stage.signal)).body;
    return incident.investigations.some((each) => each.ended_at !== null) ? incident : null;
  });
}

/** The plan that the investigation led to, or null when it led to none. */
export async function proposedPlan(stage: Scene, incident: IncidentOnStage): Promise<PlanOnStage | null> {
  const planId = incident.investigations.findLast((each) => each.plan_id !== null)?.plan_id;
  if (planId === undefined || planId === null) return null;
  return (await getPlan(stage.assistant.as('alice'), planId, stage.signal)).body;
}

/** Approves or denies as bob, who did not ask for the plan. @returns the execution's id, or null. */
export async function decide(
  stage: Scene,
  plan: PlanOnStage,
  verdict: 'approve' | 'deny',
): Promise<string | null> {
  const { body } = await stage.assistant.as('bob').call('decideApproval', {
    body: {
      plan_id: plan.plan.plan_id,
      plan_hash: plan.plan.plan_hash,
      verdict,
      comment: `decided in the demo`,
    },
    idempotencyKey: `${plan.plan.plan_id}-${verdict}`,
    signal: stage.signal,
  });
  return body.execution_id;
}

/** Shows the run's log as it is written, from `afterSeq` on. @returns the last sequence number and how it ended. */
export async function followRun(
  stage: Scene,
  executionId: string,
  options: { readonly afterSeq?: number; readonly onLine?: (text: string) => void } = {},
): Promise<{ readonly seq: number; readonly status: string | null; readonly reason: string }> {
  let seq = options.afterSeq ?? 0;
  const response = await stage.assistant.as('alice').stream('streamLogs', {
    params: { execution_id: executionId },
    lastEventId: String(seq),
    signal: stage.signal,
  });
  if (response.body === null) throw new AppError('unavailable', 'The log stream has no body.');
  try {
    for await (const event of readEvents(response.body)) {
      const data = JSON.parse(event.data) as {
        seq?: number;
        text?: string;
        stream?: string;
        status?: string;
        reason?: string;
      };
      if (event.event === 'stream.end')
        return { seq, status: data.status ?? null, reason: data.reason ?? '' };
      seq = data.seq ?? seq;
      const text = displayText(data.text ?? '').trimEnd();
      stage.tell.line(data.stream === 'event' ? `│ ${text}` : `│   ${text}`);
      options.onLine?.(text);
    }
  } catch (error) {
    if (stage.signal.aborted) throw error;
  }
  return { seq, status: null, reason: 'the stream broke off' };
}

/** Pushes that moved main, oldest first: what the target itself counted. */
export async function pushes(
  stage: Stage,
): Promise<ReadonlyArray<{ readonly subject?: string; readonly revision?: string }>> {
  const response = await fetch(`${stage.production.endpoints.platform}/repositories/checkout/pushes`, {
    signal: stage.signal,
  });
  const { items } = (await response.json()) as {
    items: ReadonlyArray<{ subject?: string; revision?: string }>;
  };
  return items;
}
