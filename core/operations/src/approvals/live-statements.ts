import type { SignedStatement } from '@carapulse/approval';
import type { ApprovalRecord } from '../ports/index.ts';

/** What was said about a plan and has not been taken back. */
export function liveStatements(approvals: readonly ApprovalRecord[]): readonly SignedStatement[] {
  return approvals.filter(({ revoked_at }) => revoked_at === null).map(({ statement }) => statement);
}
