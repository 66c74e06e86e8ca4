import type { Api } from '@carapulse/client-http';
import { randomUUID } from 'node:crypto';
import { diffPlans, displayText, planAsCommands, type Plan } from '@carapulse/plan';
import { age } from '../output/age.ts';
import { toneOf } from '../output/paint.ts';
import type { Session } from '../session/session.ts';
import { whilePlanning } from '../session/while-planning.ts';
import { required, text, type Action } from './command.ts';
import { nextPage, pageQuery } from './pages.ts';

export type PlanView = Api['getPlan']['response'];
type PlanSummary = Api['listPlans']['response']['items'][number];

export const listPlans: Action = async (session, _args, flags) => {
  const { client } = await session.connect('read');
  const query = { ...pageQuery(flags), status: text(flags, 'status'), incident_id: text(flags, 'incident') };
  const { body } = await client.call('listPlans', { query: query as never, signal: session.signal });
  printPlans(session, body, 'No plans. `assistantctl incident list` shows what could need one.');
  nextPage(session, body);
};

export function printPlans(
  session: Session,
  body: { readonly items: readonly PlanSummary[] },
  empty: string,
): void {
  const now = session.nowMs();
  session.out.list(body, body.items, {
    name: (plan) => plan.plan_id,
    empty,
    columns: [
      { title: 'PLAN', value: (plan) => plan.plan_id },
      { title: 'STATUS', value: (plan) => plan.status, tone: (plan) => toneOf(plan.status) },
      { title: 'RISK', value: (plan) => plan.risk, tone: (plan) => toneOf(plan.risk) },
      { title: 'WHERE', value: (plan) => plan.environment },
      { title: 'AGE', value: (plan) => age(plan.created_at, now) },
      { title: 'INTENT', value: (plan) => plan.summary },
      { title: 'EXPIRES', value: (plan) => age(plan.expires_at, now), wide: true },
      { title: 'BY', value: (plan) => plan.created_by, wide: true },
      { title: 'INCIDENT', value: (plan) => plan.incident_id ?? '-', wide: true },
      { title: 'WHY', value: (plan) => plan.status_reason, wide: true },
    ],
  });
}

export async function getPlan(session: Session, planId: string): Promise<PlanView> {
  const { client } = await session.connect('read');
  return (await client.call('getPlan', { params: { plan_id: planId }, signal: session.signal })).body;
}

export const showPlan: Action = async (session, [planId = ''], flags) => {
  const view = await getPlan(session, planId);
  const extra = flags['commands'] === true ? ['', ...planAsCommands(view.plan as unknown as Plan)] : [];
  session.out.one(view, view.plan.plan_id, () => [...cardLines(session, view), ...extra]);
  const next = nextStep(view);
  if (next !== null && session.options.output === 'table') session.out.note(next);
};

/** The card, why the plan is where it is, and who decided. */
export function cardLines(session: Session, view: PlanView): readonly string[] {
  const decided = view.approvals.map(({ statement: { body }, revoked_at }) => {
    const revoked = revoked_at === null ? '' : ', revoked';
    const comment = body.comment === '' ? '' : `: ${body.comment}`;
    return `${'Decision'.padEnd(12)}${displayText(`${body.verdict} by ${body.approver} (${body.assurance})${revoked}${comment}`)}`;
  });
  return [
    ...view.card.map((line) => tinted(session, displayText(line))),
    ...(view.status_reason === '' ? [] : [`${'Status'.padEnd(12)}${displayText(view.status_reason)}`]),
    ...decided,
  ];
}

function tinted(session: Session, line: string): string {
  const content = line.slice(12);
  if (content.startsWith('+')) return session.out.paint(line, 'good');
  return content.startsWith('-') && !content.startsWith('- ') ? session.out.paint(line, 'bad') : line;
}

function nextStep(view: PlanView): string | null {
  const id = view.plan.plan_id;
  if (view.status === 'awaiting_approval') return `Next: assistantctl plan approve ${id}`;
  if (view.status === 'held') return `Next: assistantctl plan release ${id} --reason … (or cancel it)`;
  if (view.status === 'policy_denied') return `Next: assistantctl policy explain --plan ${id}`;
  return view.execution_id === null ? null : `Next: assistantctl exec show ${view.execution_id}`;
}

export const createPlan: Action = async (session, _args, flags) => {
  const { client } = await session.connect();
  const { body } = await whilePlanning(session, (limits) =>
    client.call('createPlan', {
      body: { playbook: required(flags, 'playbook'), incident_id: required(flags, 'incident') },
      idempotencyKey: randomUUID(),
      ...limits,
    }),
  );
  session.out.one(body, body.plan.plan_id, () => cardLines(session, body));
  noteNextStep(session, body);
};

/** What to type next for a plan that was just made. */
export function noteNextStep(session: Session, view: PlanView): void {
  const next = nextStep(view);
  if (next !== null) session.out.note(next);
}

function change(id: 'cancelPlan' | 'releasePlan'): Action {
  return async (session, [planId = ''], flags) => {
    const { client } = await session.connect();
    const { body } = await client.call(id, {
      params: { plan_id: planId },
      body: { reason: required(flags, 'reason') },
      idempotencyKey: randomUUID(),
      signal: session.signal,
    });
    session.out.one(body, planId, () => [
      `Plan ${planId} is ${body.status}: ${displayText(body.status_reason)}`,
    ]);
  };
}
export const cancelPlan = change('cancelPlan');
export const releasePlan = change('releasePlan');

export const diffPlan: Action = async (session, [planId = '', otherId], flags) => {
  const { plan } = await getPlan(session, planId);
  if (otherId === undefined) {
    const writes = plan.steps.filter((step) => step.kind === 'write');
    const body = writes.map(({ step_id, title, preview }) => ({ step_id, title, preview }));
    session.out.one(body, planId, () =>
      body.length === 0
        ? ['Nothing is written by this plan.']
        : body.flatMap(({ step_id, title, preview }) => [
            session.out.paint(`${step_id}: ${displayText(title)}`, 'strong'),
            ...(preview.kind === 'diff'
              ? preview.text
                  .trimEnd()
                  .split('\n')
                  .map((line) => coloured(session, displayText(line)))
              : [`no preview: ${displayText(preview.reason)}`]),
            ...(preview.kind === 'diff' && preview.truncated ? ['… the diff is longer'] : []),
          ]),
    );
    return flags['detailedExitcode'] === true && writes.length > 0 ? 2 : 0;
  }
  const other = (await getPlan(session, otherId)).plan;
  const differences = diffPlans(plan as unknown as Plan, other as unknown as Plan);
  const shown = (value: unknown) => (value === undefined ? '-' : JSON.stringify(value));
  session.out.list(differences, differences, {
    name: (each) => each.pointer,
    empty: 'The plans are the same, apart from their ids.',
    columns: [
      { title: 'WHERE', value: (each) => each.pointer },
      { title: planId, value: (each) => shown(each.before) },
      { title: otherId, value: (each) => shown(each.after) },
    ],
  });
  return flags['detailedExitcode'] === true && differences.length > 0 ? 2 : 0;
};

function coloured(session: Session, line: string): string {
  const tone = line.startsWith('+') ? 'good' : line.startsWith('-') ? 'bad' : null;
  return session.out.paint(line, tone);
}
