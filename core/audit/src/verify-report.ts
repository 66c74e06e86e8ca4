/** What is wrong with a chain, by the first place where it shows. */
export const CHAIN_FAULTS = [
  /** A record, or a column beside it, was changed. */
  'edited',
  'deleted',
  /** Something that the key never made stands between two genuine records. */
  'inserted',
  'reordered',
  'duplicated',
  /** The chain ends before the newest checkpoint. */
  'cut_tail',
  /** Every record from here on fails, though they link to each other: rewritten without the key. */
  'rehashed',
  /** The last record isn't genuine and nothing after it tells whether it was changed or added. */
  'forged_tail',
  /** Genuine under the key, but another history than the one that was vouched for. */
  'forked',
  'forged_checkpoint',
  'wrong_key',
  'wrong_public_key',
  'wrong_chain',
] as const;
export type ChainFaultKind = (typeof CHAIN_FAULTS)[number];

export interface ChainFault {
  readonly kind: ChainFaultKind;
  /** The record that the fault is about; for checkpoint faults the checkpoint's, null when it has none. */
  readonly seq: number | null;
  /** Its place in what was read, from 1: among the records, or for checkpoint faults among the checkpoints. */
  readonly position: number | null;
  readonly message: string;
}

/** Records that no checkpoint vouches for yet: whoever holds the database alone could still cut these off unseen. */
export interface UnprotectedWindow {
  readonly records: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface ChainReport {
  readonly ok: boolean;
  readonly fault: ChainFault | null;
  /** Records that were proved before the fault, or all of them. */
  readonly verified: number;
  readonly head: { readonly seq: number; readonly mac: string | null };
  readonly checkpoints: {
    readonly count: number;
    readonly newestSeq: number;
    readonly newestAt: string | null;
  };
  readonly unprotected: UnprotectedWindow | null;
}

/** The report as lines for people, without colour. */
export function describeChainReport(report: ChainReport): readonly string[] {
  const { fault, checkpoints, unprotected } = report;
  const lines =
    fault === null
      ? [`ok: ${report.verified} records, each linked and genuine under the key`]
      : [
          `FAULT ${fault.kind}: ${fault.message}`,
          `proved before it: ${report.verified} records, up to seq ${report.head.seq}`,
        ];
  lines.push(
    checkpoints.count === 0
      ? 'checkpoints: none; a cut tail can not be seen'
      : `checkpoints: ${checkpoints.count}, the newest vouches for seq ${checkpoints.newestSeq} (${checkpoints.newestAt})`,
  );
  if (fault === null) {
    lines.push(
      unprotected === null
        ? 'not yet protected against a cut: nothing'
        : `not yet protected against a cut: ${unprotected.records} records, ` +
            `seq ${unprotected.firstSeq} to ${unprotected.lastSeq} (${unprotected.firstAt} to ${unprotected.lastAt})`,
    );
  }
  return lines;
}
