import { AppError } from '@carapulse/kernel';
import type { Session } from '../session/session.ts';
import { text, type Flags } from './command.ts';

/** @throws AppError `invalid_input` when `--limit` is not a whole number from 1 to 200. */
export function pageQuery(flags: Flags): { readonly limit: number; readonly cursor?: string } {
  const given = text(flags, 'limit') ?? '50';
  const limit = Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200)
    throw new AppError('invalid_input', `--limit ${given} is not a whole number from 1 to 200.`);
  const cursor = text(flags, 'cursor');
  return { limit, ...(cursor !== undefined && { cursor }) };
}

export function nextPage(session: Session, body: { readonly next_cursor: string | null }): void {
  if (body.next_cursor === null || ['json', 'yaml'].includes(session.options.output)) return;
  session.out.note(`There are more: add --cursor ${body.next_cursor}`);
}
