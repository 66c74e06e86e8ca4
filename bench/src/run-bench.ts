import { fork } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, toAppError } from '@carapulse/kernel';
import type { BenchMessage } from './bench-process.ts';
import { mergeRounds, type Measurement } from './measurement.ts';
import { renderTable, withResult, type BenchResult } from './render-results.ts';

const RESULTS = join(import.meta.dirname, '..', 'RESULTS.md');
const SUFFIX = '.bench.ts';

/** One run of one bench file in its own process. @throws AppError as the bench did; `internal` when it died. */
async function runOnce(file: string): Promise<Omit<BenchResult, 'skipped'>> {
  const child = fork(join(import.meta.dirname, 'bench-process.ts'), [file], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Omit<BenchResult, 'skipped'>>();
  let about = { name: file, peer: '', rounds: 1 };
  child.on('message', (message: BenchMessage) => {
    if (message.kind === 'about') about = message;
    else if (message.kind === 'measured')
      resolve({ name: about.name, peer: about.peer, rounds: about.rounds, rows: message.rows });
    else if (message.code === 'unavailable') reject(new AppError('unavailable', message.message));
    else reject(new AppError('internal', `${about.name} failed: ${message.message}`));
  });
  child.once('error', reject);
  child.once('exit', (code, signal) =>
    reject(new AppError('internal', `${file} ended with ${signal ?? code} before it told its results.`)),
  );
  return promise;
}

async function measure(path: string, label: string): Promise<BenchResult> {
  const rounds: Array<readonly Measurement[]> = [];
  let wanted = 1;
  let about = { name: label, peer: '' };
  for (let round = 0; round < wanted; round += 1) {
    process.stderr.write(`${label}: round ${round + 1}${round === 0 ? '' : ` of ${wanted}`}…\n`);
    try {
      const once = await runOnce(path);
      about = once;
      wanted = once.rounds;
      rounds.push(once.rows);
    } catch (error) {
      const failure = toAppError(error);
      if (failure.code !== 'unavailable') throw error;
      return { ...about, rounds: 0, rows: [], skipped: failure.message };
    }
  }
  return { ...about, rounds: wanted, rows: mergeRounds(rounds), skipped: null };
}

/**
 * Runs the benches whose file name contains one of `filters`, and puts what each measured in its place of the results;
 * without any it runs all, and the results begin anew.
 */
async function main(filters: readonly string[]): Promise<number> {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(SUFFIX));
  const chosen = files
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
    .toSorted();
  if (chosen.length === 0) {
    const names = files.map((name) => name.slice(0, -SUFFIX.length)).toSorted();
    process.stderr.write(`No bench is called ${filters.join(' or ')}; there are: ${names.join(', ')}.\n`);
    return 2;
  }
  let written = filters.length === 0 ? '' : await readFile(RESULTS, 'utf8').catch(() => '');
  let failed = 0;
  for (const name of chosen) {
    try {
      const result = await measure(join(import.meta.dirname, name), name.slice(0, -SUFFIX.length));
      process.stdout.write(`${renderTable(result)}\n`);
      written = withResult(written, result, new Date());
      await writeFile(RESULTS, written);
    } catch (error) {
      failed += 1;
      process.stderr.write(`${toAppError(error).message}\n`);
    }
  }
  process.stderr.write(
    failed > 0 ? `${failed} of ${chosen.length} benches failed.\n` : `Written to ${RESULTS}.\n`,
  );
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
