import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from '@carapulse/client-http';
import { AppError } from '@carapulse/kernel';
import { displayText, type Plan } from '@carapulse/plan';
import { exitCodeOf } from '../exit-codes.ts';
import { age } from '../output/age.ts';
import { toneOf } from '../output/paint.ts';
import { readIdentity } from '../session/installation.ts';
import type { Session } from '../session/session.ts';
import { signDecision } from '../session/sign-decision.ts';
import { required, text, type Action, type Flags } from './command.ts';
import { cardLines, getPlan, printPlans, type PlanView } from './plans.ts';

type ApprovalView = Api['listApprovals']['response']['items'][number];
const WATCH_MS = 2000;

export const approve: Action = (session, [planId = ''], flags) => decide(session, planId, 'approve', flags);
export const deny: Action = (session, [planId = ''], flags) => decide(session, planId, 'deny', flags);

async function decide(
  session: Session,
  planId: string,
  verdict: 'approve' | 'deny',
  flags: Flags,
): Promise<void> {
  const connection = await session.connect();
  const view = await getPlan(session, planId);
  await confirm(
    session,
    view,
    flags,
    `${verdict === 'approve' ? 'Approve' : 'Deny'} this plan`,
    connection.identity,
  );
  const identity =
    connection.directory === null || connection.identity === null
      ? null
      : await readIdentity(connection.directory, connection.identity);
  const comment = text(flags, 'comment') ?? '';
  const statement =
    identity?.kind === 'human'
      ? await signDecision(view.plan as unknown as Plan, identity, {
          verdict,
          comment,
          nowMs: session.nowMs(),
        })
      : undefined;
  const { body } = await connection.client.call('decideApproval', {
    body: {
      plan_id: planId,
      plan_hash: view.plan.plan_hash,
      verdict,
      comment,
      ...(statement && { statement: statement as never }),
    },
    idempotencyKey: randomUUID(),
    signal: session.signal,
  });
  const signed =
    statement === undefined ? 'signed by the gateway for your session' : 'signed with your own key';
  session.out.one(body, body.approval_id, () => [
    verdict === 'approve'
      ? `Approved, ${signed}: ${body.have} of ${body.needed}. The plan is ${body.status}.`
      : `Denied, ${signed}. The plan is ${body.status}.`,
  ]);
  if (body.execution_id !== null) session.out.note(`Next: assistantctl exec watch ${body.execution_id}`);
}

/** Shows the card and asks; without a terminal only `--yes` says yes. */
async function confirm(
  session: Session,
  view: PlanView,
  flags: Flags,
  question: string,
  identity: string | null,
): Promise<void> {
  if (flags['yes'] === true) return;
  const { terminal, signal } = session;
  if (!terminal.interactive)
    throw new AppError('invalid_input', 'There is no terminal to ask on; read the plan, then give --yes.');
  terminal.err(`${cardLines(session, view).join('\n')}\n`);
  const answer = await terminal.ask(
    `${question}${identity === null ? '' : ` as ${identity}`}? [y/N] `,
    signal,
  );
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new AppError('cancelled', 'Not confirmed; nothing was changed.');
}

export const breakGlass: Action = async (session, [planId = ''], flags) => {
  const connection = await session.connect();
  const before = await getPlan(session, planId);
  await confirm(
    session,
    before,
    flags,
    'Break the glass: carry this out without its approvers',
    connection.identity,
  );
  const { body } = await connection.client.call('breakGlassPlan', {
    params: { plan_id: planId },
    body: { reason: required(flags, 'reason'), incident_id: required(flags, 'incident') },
    idempotencyKey: randomUUID(),
    signal: session.signal,
  });
  session.out.one(body, body.plan.plan_id, () => cardLines(session, body));
  session.out.note('This was announced in the audit trail and is due for review.');
  if (body.execution_id !== null) session.out.note(`Next: assistantctl exec watch ${body.execution_id}`);
};

export const listApprovals: Action = async (session, [planId]) => {
  const { client } = await session.connect('read');
  if (planId === undefined) {
    const { body } = await client.call('listPlans', {
      query: { status: 'awaiting_approval', limit: 200 },
      signal: session.signal,
    });
    printPlans(session, body, 'Nothing waits for a decision.');
    return;
  }
  const { body } = await client.call('listApprovals', {
    params: { plan_id: planId },
    signal: session.signal,
  });
  printApprovals(session, body.items);
};

function printApprovals(session: Session, items: readonly ApprovalView[]): void {
  const now = session.nowMs();
  session.out.list({ items }, items, {
    name: (each) => each.approval_id,
    empty: 'Nobody has decided about this plan.',
    columns: [
      { title: 'APPROVAL', value: (each) => each.approval_id },
      { title: 'VERDICT', value: (each) => each.statement.body.verdict },
      { title: 'BY', value: (each) => each.statement.body.approver },
      { title: 'ASSURANCE', value: (each) => each.statement.body.assurance },
      { title: 'AGE', value: (each) => age(each.decided_at, now) },
      { title: 'EXPIRES', value: (each) => age(each.statement.body.expires_at, now) },
      {
        title: 'REVOKED',
        value: (each) => (each.revoked_at === null ? '-' : `by ${each.revoked_by ?? '?'}`),
      },
      { title: 'COMMENT', value: (each) => each.statement.body.comment },
      { title: 'KEY', value: (each) => each.statement.signed.key_id, wide: true },
    ],
  });
}

export const revokeApproval: Action = async (session, [planId = '', approvalId = ''], flags) => {
  const { client } = await session.connect();
  const { body } = await client.call('revokeApproval', {
    params: { plan_id: planId, approval_id: approvalId },
    body: { reason: required(flags, 'reason') },
    idempotencyKey: randomUUID(),
    signal: session.signal,
  });
  printApprovals(session, body.items);
};

export const watchApprovals: Action = async (session) => {
  const told = new Set<string>();
  const { out, terminal, signal } = session;
  out.note('Watching for plans that wait for a decision; Ctrl-C ends.');
  for (;;) {
    try {
      const { client } = await session.connect('read');
      const { body } = await client.call('listPlans', {
        query: { status: 'awaiting_approval', limit: 200 },
        signal,
      });
      for (const plan of body.items.toReversed()) {
        if (told.has(plan.plan_id)) continue;
        told.add(plan.plan_id);
        if (out.format === 'json') terminal.out(`${JSON.stringify(plan)}\n`);
        else if (out.format === 'name') terminal.out(`${plan.plan_id}\n`);
        else
          terminal.out(
            `${plan.plan_id}  ${out.paint(plan.risk, toneOf(plan.risk))}  ${displayText(plan.summary)}  (expires ${age(plan.expires_at, session.nowMs())})\n`,
          );
      }
    } catch (error) {
      if (!(error instanceof AppError) || !error.retryable || exitCodeOf(error.code) >= 124) throw error;
      out.note(error.message);
    }
    await delay(WATCH_MS, undefined, { signal });
  }
};
