import { displayText, fitWidth } from './display-text.ts';
import type { Check } from './check.ts';
import type { Plan } from './plan.ts';
import type { PlanStatus } from './status.ts';
import type { Step } from './step.ts';
import { changedLines, tellingLines } from './telling-lines.ts';

/** A card never has more lines than this. */
export const CARD_LINES = 25;

export interface CardView {
  readonly status: PlanStatus;
  readonly approvals: { readonly given: readonly string[]; readonly required: number };
  /** Columns, at least 60; 100 when absent. */
  readonly width?: number;
  /** The instant of the reading, RFC 3339: expiry is told from it. */
  readonly now: string;
}

/**
 * What an approver must know, as at most `CARD_LINES` lines of at most `width` columns. All text that comes from
 * outside is made harmless first; whatever does not fit is cut with a mark that says so.
 */
export function planCard(plan: Plan, view: CardView): readonly string[] {
  const width = Math.max(60, view.width ?? 100);
  const head = headLines(plan, view);
  const tail = tailLines(plan, view);
  const diff = diffLines(plan, CARD_LINES - head.length - tail.length);
  return [...head, ...diff, ...tail].map((line) => fitWidth(line, width));
}

const row = (label: string, text: string): string => `${label.padEnd(12)}${displayText(text)}`;

function headLines(plan: Plan, view: CardView): readonly string[] {
  const place = Object.entries(plan.context)
    .filter(([field]) => field !== 'tenant_id' && field !== 'environment')
    .map(([field, value]) => `${field} ${value}`);
  const trigger = plan.trigger.ref === null ? plan.trigger.kind : `${plan.trigger.kind} ${plan.trigger.ref}`;
  return [
    row('Plan', `${plan.plan_id}  [${view.status}]`),
    row('Intent', plan.summary),
    row('Trigger', `${trigger} · by ${plan.created_by} · ${plan.origin.planner} ${plan.origin.name}`),
    ...reasonLines(plan.origin.because),
    row('Where', [plan.context.environment, ...place].join(' · ')),
    ...stepLines(plan.steps),
  ];
}

function reasonLines(because: readonly string[]): readonly string[] {
  const [first = 'asked for', ...rest] = because;
  return [row('Because', first), ...(rest.length === 0 ? [] : [row('', rest.join('; '))])];
}

const STEP_LINES = 4;

function stepLines(steps: readonly Step[]): readonly string[] {
  const shown = steps.length <= STEP_LINES ? steps : writesFirst(steps).slice(0, STEP_LINES - 1);
  const lines = shown.map((step, index) =>
    row(index === 0 ? 'Steps' : '', `${step.kind === 'write' ? '✎' : '·'} ${step.step_id}: ${step.title}`),
  );
  if (shown.length === steps.length) return lines;
  const left = steps.filter((step) => !shown.includes(step));
  const writes = left.filter((step) => step.kind === 'write').length;
  return [...lines, row('', `… ${left.length} more steps, ${writes} of them writes`)];
}

function writesFirst(steps: readonly Step[]): readonly Step[] {
  return [...steps.filter((step) => step.kind === 'write'), ...steps.filter((step) => step.kind === 'read')];
}

function diffLines(plan: Plan, room: number): readonly string[] {
  const previews = plan.steps
    .filter((step) => step.kind === 'write')
    .filter((step, index, writes) => writes.findIndex((other) => sameDiff(other, step)) === index)
    .map(({ preview, step_id }) =>
      preview.kind === 'diff'
        ? { lines: tellingLines(preview.text), brief: changedLines(preview.text), cut: preview.truncated }
        : unseen(step_id, preview.reason),
    );
  const telling = previews.flatMap((preview) => preview.lines);
  const cut = previews.some((preview) => preview.cut);
  if (telling.length === 0 && !cut) return [row('Diff', 'none: nothing is written')].slice(0, room);
  const fits = telling.length <= room && !cut;
  const brief = fits ? telling : previews.flatMap((preview) => preview.brief);
  const whole = brief.length <= room && !cut;
  const shown = whole ? brief : brief.slice(0, Math.max(0, room - 1));
  const rows = shown.map((line, index) => row(index === 0 ? 'Diff' : '', line));
  if (whole) return rows;
  const left = brief.length - shown.length;
  return [
    ...rows,
    row(
      rows.length === 0 ? 'Diff' : '',
      `… ${left}${cut ? '+' : ''} more lines of diff: assistantctl plan diff ${plan.plan_id}`,
    ),
  ];
}

function unseen(stepId: string, reason: string) {
  const lines = [`${stepId}: no preview, ${reason}`];
  return { lines, brief: lines, cut: false };
}

function tailLines(plan: Plan, view: CardView): readonly string[] {
  const { policy, risk } = plan;
  const rule = risk.rules[0];
  const others = risk.rules.slice(1).map((other) => other.rule);
  const reason = policy.reasons[0];
  return [
    row('Blast', blast(plan)),
    row('Risk', `${risk.level}: ${rule?.rule ?? 'no rule'} (${rule?.reason ?? ''})${also(others)}`),
    row(
      'Policy',
      `${policy.decision}: ${reason?.message ?? ''} [${policy.reasons.map((each) => each.rule).join(', ')}]`,
    ),
    row('Approvals', approvals(view)),
    row('Undo', rollback(plan)),
    ...checkLines([...plan.checks, ...plan.steps.flatMap(({ verify }) => verify)]),
    row('Expires', expiry(plan, view.now)),
    row('Hash', plan.plan_hash),
  ];
}

const also = (names: readonly string[]): string => (names.length === 0 ? '' : `; also ${names.join(', ')}`);

function blast({ blast_radius: radius }: Plan): string {
  const resources = radius.resources.join(', ');
  if (radius.kind === 'unknown')
    return `unknown: ${radius.reason}${resources === '' ? '' : ` (touches ${resources})`}`;
  const dependents = radius.dependents.length === 0 ? 'none' : radius.dependents.join(', ');
  return `dependents: ${dependents} · ${resources}`;
}

function approvals({ approvals: { given, required } }: CardView): string {
  if (required === 0) return 'none needed';
  return `${given.length} of ${required}${given.length === 0 ? '' : `: ${given.join(', ')}`}`;
}

function rollback(plan: Plan): string {
  const undos = plan.steps
    .filter((step) => step.kind === 'write')
    .map(({ step_id, rollback: undo }) =>
      undo.kind === 'call'
        ? `${step_id} by ${undo.call.tool}.${undo.call.action}, ${counted(undo.verify.length, 'check')}`
        : `${step_id} ${undo.kind}: ${undo.reason}`,
    );
  return undos.length === 0 ? 'nothing to undo' : undos.join('; ');
}

/** Of one change that several steps bring about, each its part, the diff is shown once. */
function sameDiff(one: Step, other: Step): boolean {
  if (one.preview.kind !== 'diff' || other.preview.kind !== 'diff') return one === other;
  return one.preview.text === other.preview.text && one.preview.truncated === other.preview.truncated;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

function checkLines(checks: readonly Check[]): readonly string[] {
  if (checks.length === 0) return [row('Checks', 'none')];
  const lines = checks
    .slice(0, checks.length <= 2 ? 2 : 1)
    .map((check, index) =>
      row(
        index === 0 ? 'Checks' : '',
        `${check.title} · ${counted(check.samples.required, 'fresh sample')}${check.must_fail_before ? ' · must fail before' : ''}`,
      ),
    );
  return checks.length <= 2 ? lines : [...lines, row('', `… ${checks.length - 1} more checks`)];
}

function expiry(plan: Plan, now: string): string {
  const leftMs = Date.parse(plan.expires_at) - Date.parse(now);
  const left = leftMs <= 0 ? 'expired' : `in ${duration(leftMs)}`;
  return `${plan.expires_at} (${left}) · runs at most ${duration(plan.max_run_ms)}`;
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
