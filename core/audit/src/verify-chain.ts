import { AppError } from '@carapulse/kernel';
import type { AuditRecord, AuditRow } from './audit-record.ts';
import { genesisMac } from './chain.ts';
import type { ChainKey } from './chain.ts';
import { diagnose } from './diagnose-fault.ts';
import { alteredColumn, readRow } from './read-row.ts';
import { readCheckpoints } from './read-checkpoints.ts';
import type { CheckpointKey, TrustedCheckpoints } from './read-checkpoints.ts';
import type { ChainFault, ChainReport, UnprotectedWindow } from './verify-report.ts';

export interface VerifyChainInput {
  /** Rows in the order of their `seq` column, all of them from the first. */
  readonly records: AsyncIterable<AuditRow>;
  /** What CheckpointStore.list gives. */
  readonly checkpoints: readonly unknown[];
  readonly key: ChainKey;
  readonly publicKey: CheckpointKey;
  readonly signal: AbortSignal;
}

/**
 * Proves a chain against its key and its checkpoints in one pass and constant memory, and names the first fault.
 * Checkpoints are judged before the records, since what they say decides how a record's fault is named.
 * @throws AppError `cancelled`; `invalid_input` when the public key is no Ed25519 key. Faults are values.
 */
export async function verifyChain(input: VerifyChainInput): Promise<ChainReport> {
  const trusted = readCheckpoints(input.checkpoints, input.key, input.publicKey);
  const walk = new Walk(input, trusted);
  const fault = trusted.fault ?? (await walk.run());
  return walk.report(fault);
}

class Walk {
  private readonly input: VerifyChainInput;
  private readonly trusted: TrustedCheckpoints;
  private last: { seq: number; mac: string };
  private window: UnprotectedWindow | null = null;

  constructor(input: VerifyChainInput, trusted: TrustedCheckpoints) {
    this.input = input;
    this.trusted = trusted;
    this.last = { seq: 0, mac: genesisMac(input.key.chainId) };
  }

  async run(): Promise<ChainFault | null> {
    const rows = this.input.records[Symbol.asyncIterator]();
    try {
      return await this.walk(rows);
    } finally {
      await rows.return?.();
    }
  }

  private async walk(rows: AsyncIterator<AuditRow>): Promise<ChainFault | null> {
    const { key, signal } = this.input;
    for (let position = 1; ; position += 1) {
      if (signal.aborted)
        throw new AppError('cancelled', 'The verification was cancelled', { cause: signal.reason });
      const step = await rows.next();
      if (step.done === true) return this.tail();
      const found = readRow(step.value, key);
      const { record } = found;
      if (record === null || record.prev_mac !== this.last.mac || record.seq !== this.last.seq + 1) {
        return diagnose({ found, position, last: this.last, rest: rows, key, signal, trusted: this.trusted });
      }
      const fault = this.contradiction(step.value, record, position);
      if (fault !== null) return fault;
      this.accept(record);
    }
  }

  /** A record in its place can still be contradicted by its columns or by a checkpoint. */
  private contradiction(row: AuditRow, record: AuditRecord, position: number): ChainFault | null {
    const { seq } = record;
    const column = alteredColumn(row, record);
    if (column !== null) {
      const message = `record seq ${seq}: the column \`${column}\` was changed; the record itself is genuine`;
      return { kind: 'edited', seq, position, message };
    }
    const vouched = this.trusted.macBySeq.get(seq);
    if (vouched === undefined || vouched === record.mac) return null;
    return {
      kind: 'forked',
      seq,
      position,
      message:
        `record seq ${seq} is genuine under the key, but a signed checkpoint vouches for another one: the history ` +
        'was rewritten by a holder of the key, or the database is an older copy that has gone on by itself',
    };
  }

  private accept(record: AuditRecord): void {
    this.last = { seq: record.seq, mac: record.mac };
    if (record.seq <= this.trusted.newestSeq) return;
    this.window = {
      firstSeq: this.window?.firstSeq ?? record.seq,
      firstAt: this.window?.firstAt ?? record.at,
      lastSeq: record.seq,
      lastAt: record.at,
      records: (this.window?.records ?? 0) + 1,
    };
  }

  private tail(): ChainFault | null {
    const { newestSeq, newestAt } = this.trusted;
    if (newestSeq <= this.last.seq) return null;
    const seq = this.last.seq + 1;
    return {
      kind: 'cut_tail',
      seq,
      position: seq,
      message:
        `the chain ends at seq ${this.last.seq}, but the checkpoint of ${newestAt} vouches for seq ${newestSeq}: ` +
        `records ${seq} to ${newestSeq} were cut off`,
    };
  }

  report(fault: ChainFault | null): ChainReport {
    const { count, newestSeq, newestAt } = this.trusted;
    return {
      ok: fault === null,
      fault,
      verified: this.last.seq,
      head: { seq: this.last.seq, mac: this.last.seq === 0 ? null : this.last.mac },
      checkpoints: { count, newestSeq, newestAt },
      unprotected: fault === null ? this.window : null,
    };
  }
}
