/** What a colour says; the words say it as well, so nothing is lost without colour. */
export type Tone = 'good' | 'bad' | 'warn' | 'faint' | 'strong';

const CODES: Readonly<Record<Tone, string>> = { good: '32', bad: '31', warn: '33', faint: '2', strong: '1' };

export function paint(text: string, tone: Tone | null, colour: boolean): string {
  return tone === null || !colour || text === '' ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;
}

const GOOD = new Set([
  'succeeded',
  'approved',
  'resolved',
  'closed',
  'passed',
  'concluded',
  'allow',
  'done',
  'ok',
  'planned',
]);
const BAD = new Set([
  'failed',
  'denied',
  'policy_denied',
  'rolled_back',
  'outcome_unknown',
  'deny',
  'critical',
  'high',
  'refused',
]);
const WARN = new Set([
  'awaiting_approval',
  'held',
  'parked',
  'paused',
  'taken_over',
  'succeeded_with_skips',
  'expired',
  'stale',
  'open',
  'inconclusive',
  'abstained',
  'rolling_back',
  'require_approval',
  'warning',
  'medium',
  'missed',
  'skipped',
]);

/** The tone of a status word, or null. */
export function toneOf(status: string): Tone | null {
  if (GOOD.has(status)) return 'good';
  if (BAD.has(status)) return 'bad';
  return WARN.has(status) ? 'warn' : null;
}
