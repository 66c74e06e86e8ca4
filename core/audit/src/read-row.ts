import { canonicalJson } from '@carapulse/kernel';
import { AuditRecord } from './audit-record.ts';
import type { AuditRow } from './audit-record.ts';
import { columnsOf, macsEqual, recordMac } from './chain.ts';
import type { ChainKey } from './chain.ts';

/** A row as verification sees it. `claimed` is what it says of itself, worth nothing unless `record` is there. */
export interface ReadRow {
  readonly row: AuditRow;
  /** The record when the key made exactly these bytes, else null. */
  readonly record: AuditRecord | null;
  readonly claimed: { readonly mac: string; readonly prevMac: string; readonly keyId: string };
}

/** Judges one row by itself, apart from its neighbours. Never throws. */
export function readRow(row: AuditRow, key: ChainKey): ReadRow {
  const raw = parseObject(row.record);
  const text = (name: string): string => (typeof raw?.[name] === 'string' ? raw[name] : '');
  const claimed = { mac: text('mac'), prevMac: text('prev_mac'), keyId: text('key_id') };
  return { row, record: raw === null ? null : genuine(raw, row.record, key), claimed };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function genuine(raw: Record<string, unknown>, stored: string, key: ChainKey): AuditRecord | null {
  const { mac, ...unsealed } = raw;
  try {
    if (typeof mac !== 'string' || canonicalJson(raw) !== stored) return null;
    if (!macsEqual(mac, recordMac(unsealed, key))) return null;
  } catch {
    return null;
  }
  // The bytes are proved; the schema is only asked whether this version understands them.
  return AuditRecord.safeParse(raw).success ? (raw as unknown as AuditRecord) : null;
}

/** The first column that says something else than its record, or null. */
export function alteredColumn(row: AuditRow, record: AuditRecord): string | null {
  for (const [name, value] of Object.entries(columnsOf(record))) {
    if (row[name as keyof AuditRow] !== value) return name;
  }
  return null;
}
