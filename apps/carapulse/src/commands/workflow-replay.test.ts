import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunHistory } from '@carapulse/workflows';
import { parseRunHistory } from '@carapulse/workflows';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { workflowReplay } from './workflow-replay.ts';

const KEPT = fileURLToPath(new URL('../temporal/kept-histories/', import.meta.url));
const kept = (name: string): string => join(KEPT, `${name}.jsonl`);

describe('workflow replay', () => {
  let root = '';

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'workflow-replay-'));
    await mkdir(join(root, 'keys'), { mode: 0o700 });
    await copyFile(join(KEPT, 'audit-chain.key'), join(root, 'keys', 'audit-chain.key'));
    await chmod(join(root, 'keys', 'audit-chain.key'), 0o600);
  });

  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  async function replay(files: readonly string[], directory = root) {
    const lines: string[] = [];
    const write = vi
      .spyOn(process.stdout, 'write')
      .mockImplementation((text) => lines.push(String(text)) > 0);
    try {
      return { status: await workflowReplay(files, { directory }), lines };
    } finally {
      write.mockRestore();
    }
  }

  const read = async (name: string): Promise<RunHistory> =>
    parseRunHistory(await readFile(kept(name), 'utf8'), name);

  async function temporalEvents(name: string) {
    const history = await read(name);
    if (history.engine !== 'temporal') throw new Error(`${name} is not of Temporal`);
    return history.history.events;
  }

  /** A kept history with a change, as a file. */
  async function changed(name: string, change: object): Promise<string> {
    const path = join(root, `${name}-changed.json`);
    await writeFile(path, JSON.stringify({ ...(await read(name)), ...change }));
    return path;
  }

  it('leads every kept run of either engine where it led', async () => {
    const ends = { upgraded: 'succeeded', undone: 'rolled_back', steered: 'succeeded_with_skips' };
    const files = ['embedded', 'temporal'].flatMap((engine) =>
      Object.keys(ends).map((run) => kept(`${engine}-${run}`)),
    );
    const { status, lines } = await replay(files);
    const told = lines.map((line) => line.replace(/^.*\/(.*)\.jsonl: (same): \d+ events, ended/, '$1 $2'));
    expect(told).toEqual(
      ['embedded', 'temporal'].flatMap((engine) =>
        Object.entries(ends).map(([run, end]) => `${engine}-${run} same ${end}\n`),
      ),
    );
    expect(status).toBe(0);
  });

  it('leads a kept long run on from the state that an earlier build stored', async () => {
    const { status, lines } = await replay([kept('embedded-long')]);
    expect(lines).toEqual([
      expect.stringMatching(/embedded-long\.jsonl: same: 5 events after 12, ended rolled_back\n$/),
    ]);
    expect(status).toBe(0);
    const long = await read('embedded-long');
    if (long.engine !== 'embedded') throw new Error('embedded-long is not of the embedded engine');
    const path = await changed('embedded-long', { events: long.events.slice(1) });
    const differs = await replay([path]);
    expect(differs.status).toBe(1);
    expect(differs.lines[0]).toMatch(/differs: event 13 answers ex_long\//);
  });

  it('exits with 1 and names the event when a run would have gone another way', async () => {
    const undone = await read('embedded-undone');
    if (undone.engine !== 'embedded') throw new Error('embedded-undone is not of the embedded engine');
    const embedded = await changed('embedded-undone', { events: undone.events.slice(1) });
    const events = JSON.stringify(await temporalEvents('temporal-undone'));
    const temporal = await changed('temporal-undone', {
      history: { events: JSON.parse(events.replaceAll('ex_undone/a/1', 'ex_undone/a/7')) as unknown },
    });
    const end = 'workflowExecutionCompletedEventAttributes';
    const ended = await temporalEvents('temporal-upgraded');
    const other = { ...ended.at(-1), [end]: (await temporalEvents('temporal-steered')).at(-1)?.[end] };
    const result = await changed('temporal-upgraded', {
      history: { events: [...ended.slice(0, -1), other] },
    });
    const { status, lines } = await replay([embedded, temporal, result, kept('embedded-undone')]);
    expect(status).toBe(1);
    expect(lines).toEqual(
      [
        /differs: event 1 answers ex_undone\/a\/1, for which this build did not ask there/,
        /differs: event \d+ asks for ex_undone\/a\/7, .* command 'ex_undone\/a\/1'\n$/,
        /differs: event 81 ends the run succeeded_with_skips; this build ends it with another result/,
        /same: 9 events, ended rolled_back/,
      ].map((line) => expect.stringMatching(line) as string),
    );
  });

  it('asks for a key only where Temporal sealed the history, and says which is missing or wrong', async () => {
    const nowhere = join(root, 'nowhere');
    expect((await replay([kept('embedded-undone')], nowhere)).status).toBe(0);
    await expect(replay([kept('temporal-undone')], nowhere)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/temporal-undone\.jsonl: it is sealed.*nowhere\/keys.*--directory/),
    });
    const wrong = join(root, 'wrong');
    await mkdir(join(wrong, 'keys'), { recursive: true, mode: 0o700 });
    const key = Buffer.alloc(32, 1).toString('base64');
    await writeFile(join(wrong, 'keys', 'audit-chain.key'), key, { mode: 0o600 });
    await expect(replay([kept('temporal-undone')], wrong)).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('refuses a file that is no history, or is not there', async () => {
    const path = join(root, 'damaged.json');
    await writeFile(path, '{"format":1,"engine":"temporal","run_id":"r","history":{"events":[{}]}}');
    await expect(replay([path])).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/damaged\.json: The history of run r is not one of Temporal's/),
    });
    await expect(replay([join(root, 'none.json')])).rejects.toMatchObject({ code: 'not_found' });
  });
});
