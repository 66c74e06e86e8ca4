import { AppError } from '@carapulse/kernel';
import type { AuditRecord, AuditRow } from './audit-record.ts';
import type { ChainKey } from './chain.ts';
import { readRow } from './read-row.ts';
import type { ReadRow } from './read-row.ts';
import type { TrustedCheckpoints } from './read-checkpoints.ts';
import type { ChainFault, ChainFaultKind } from './verify-report.ts';

export interface FaultSite {
  /** The row that doesn't follow `last`, or isn't genuine. */
  readonly found: ReadRow;
  readonly position: number;
  /** The last record that was proved. */
  readonly last: { readonly seq: number; readonly mac: string };
  readonly rest: AsyncIterator<AuditRow>;
  readonly key: ChainKey;
  readonly signal: AbortSignal;
  readonly trusted: TrustedCheckpoints;
}

/** Names what happened at the first row that doesn't fit, by reading on. */
export async function diagnose(site: FaultSite): Promise<ChainFault> {
  return site.found.record === null ? diagnoseForged(site) : diagnoseMisplaced(site, site.found.record);
}

/** The row is genuine but not here: whether it comes again, and whether the expected one comes later, tells why. */
async function diagnoseMisplaced(site: FaultSite, record: AuditRecord): Promise<ChainFault> {
  const expected = site.last.seq + 1;
  const { seq } = record;
  const at = `position ${site.position}`;
  if (seq < expected)
    return fault(site, 'duplicated', seq, `record seq ${seq} stands a second time at ${at}`);
  if (seq === expected) {
    return fault(
      site,
      'forked',
      seq,
      `record seq ${seq} is genuine under the key, but does not follow record seq ${site.last.seq} of this chain`,
    );
  }
  let comesAgain = false;
  let expectedComes = false;
  for await (const later of remaining(site)) {
    if (later.record?.mac === record.mac) comesAgain = true;
    if (later.record?.seq === expected && later.record.prev_mac === site.last.mac) expectedComes = true;
  }
  if (!expectedComes) {
    const range =
      seq - 1 === expected ? `record seq ${expected} was` : `records ${expected} to ${seq - 1} were`;
    return fault(site, 'deleted', expected, `${range} deleted: record seq ${seq} stands at ${at}`);
  }
  return comesAgain
    ? fault(site, 'duplicated', seq, `record seq ${seq} stands a second time at ${at}`)
    : fault(
        site,
        'reordered',
        seq,
        `record seq ${seq} stands at ${at}, before record seq ${expected}: records were reordered`,
      );
}

/** The row isn't genuine: the next genuine one tells whether it took a place or was put between. */
async function diagnoseForged(site: FaultSite): Promise<ChainFault> {
  const expected = site.last.seq + 1;
  const { keyId } = site.key;
  let before = site.found.claimed;
  let linked = before.prevMac === site.last.mac;
  let ownKeyId = before.keyId === keyId;
  let forged = 1;
  for await (const later of remaining(site)) {
    if (later.record !== null) {
      return later.record.seq === expected && later.record.prev_mac === site.last.mac
        ? fault(
            site,
            'inserted',
            expected,
            `${forged === 1 ? 'a record' : `${forged} records`} that the key never made ` +
              `stands at position ${site.position}, before record seq ${expected}`,
          )
        : fault(
            site,
            'edited',
            expected,
            `record seq ${expected} was changed: its MAC does not fit its content`,
          );
    }
    linked &&= later.claimed.prevMac === before.mac && before.mac !== '';
    ownKeyId ||= later.claimed.keyId === keyId;
    before = later.claimed;
    forged += 1;
  }
  const keyIsProved = site.last.seq > 0 || site.trusted.newestSeq > 0;
  if (!keyIsProved && !ownKeyId) {
    return fault(
      site,
      'wrong_key',
      expected,
      `no record fits the key ${keyId}; they name the key ${site.found.claimed.keyId || '(none)'}. Either it is ` +
        'not the key of this chain, or everything was rewritten under another one; there is no checkpoint to tell',
    );
  }
  if (forged > 1 && linked) {
    return fault(
      site,
      'rehashed',
      expected,
      `every record from seq ${expected} to the end (${forged}) fails under the key though they link to each ` +
        'other: the chain was rewritten from there by somebody without the key',
    );
  }
  return site.trusted.newestSeq >= expected
    ? fault(site, 'edited', expected, `record seq ${expected} was changed: its MAC does not fit its content`)
    : fault(
        site,
        'forged_tail',
        expected,
        `the record at position ${site.position} was not made with the key: record seq ${expected} was changed, or ` +
          'it was added at the end; no checkpoint reaches it to tell which',
      );
}

async function* remaining(site: FaultSite): AsyncGenerator<ReadRow> {
  for (;;) {
    if (site.signal.aborted) {
      throw new AppError('cancelled', 'The verification was cancelled', { cause: site.signal.reason });
    }
    const step = await site.rest.next();
    if (step.done === true) return;
    yield readRow(step.value, site.key);
  }
}

function fault(site: FaultSite, kind: ChainFaultKind, seq: number, message: string): ChainFault {
  return { kind, seq, position: site.position, message };
}
