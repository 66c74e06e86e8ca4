import { cpus, release, totalmem } from 'node:os';
import { AppError } from '@carapulse/kernel';
import { judgeAim } from './judge-aim.ts';
import type { Measurement } from './measurement.ts';

export interface BenchResult {
  readonly name: string;
  readonly peer: string;
  readonly rounds: number;
  readonly rows: readonly Measurement[];
  /** Why it was not measured; null when it was. */
  readonly skipped: string | null;
}

const HEAD = ['metric', 'ours', 'peer', 'ratio', 'unit', 'aim', 'met'] as const;

/**
 * The document of results with this one in its place, by name. What was skipped leaves what was measured before.
 * @param before the document so far; empty for none.
 * @throws AppError `conflict` when that one was measured on another machine.
 */
export function withResult(before: string, result: BenchResult, at: Date): string {
  const head = [
    '# Results of `npm run bench`',
    '',
    'Written by the command. Each metric stands beside its peer, measured in the same run by turns; on a shared machine',
    'trust the ratios more than the times.',
    '',
    ...machine().map(([name, value]) => `- ${name}: ${value}`),
    '',
    '',
  ].join('\n');
  const [headBefore = '', ...sectionsBefore] = before.split(SECTION);
  if (before !== '' && headBefore !== head) {
    throw new AppError(
      'conflict',
      'They were measured on another machine; a run without a filter replaces them.',
    );
  }
  const sections = new Map(sectionsBefore.map((text) => [text.slice(0, text.indexOf('\n')), text]));
  if (result.skipped === null || !sections.has(result.name)) sections.set(result.name, section(result, at));
  const ordered = [...sections].toSorted(([one], [other]) => one.localeCompare(other, 'en'));
  return head + ordered.map(([, text]) => `## ${text}`).join('');
}

const SECTION = /^## /m;

function section({ name, peer, rounds, rows, skipped }: BenchResult, at: Date): string {
  const when = `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const how = rounds === 1 ? 'one round' : `medians of ${rounds} rounds`;
  return [
    name,
    '',
    skipped === null ? `Beside ${peer}; ${how}, ${when}.` : `Skipped: ${skipped}`,
    ...(rows.length === 0 ? [] : ['', ...markdownTable(rows)]),
    '',
    '',
  ].join('\n');
}

/** The same for a terminal. */
export function renderTable(result: BenchResult): string {
  if (result.skipped !== null) return `${result.name}\n  skipped: ${result.skipped}\n`;
  const rows = [[...HEAD], ...result.rows.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${result.name}, beside ${result.peer}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function markdownTable(rows: readonly Measurement[]): readonly string[] {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return [line(HEAD), line(HEAD.map(() => '---')), ...rows.map((row) => line(cells(row)))];
}

function cells(row: Measurement): string[] {
  const met = judgeAim(row);
  return [
    row.metric,
    number(row.ours),
    row.peer === null ? '–' : number(row.peer),
    row.ratio === null ? '–' : number(row.ratio),
    row.unit,
    row.aim === '' ? '–' : row.aim,
    met === null ? '–' : met ? 'yes' : 'no',
  ];
}

function number(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function machine(): ReadonlyArray<readonly [string, string]> {
  const processors = cpus();
  return [
    ['processor', `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} cores`],
    ['memory', `${(totalmem() / 2 ** 30).toFixed(1)} GiB`],
    ['kernel', release()],
    ['Node', process.version],
  ];
}
