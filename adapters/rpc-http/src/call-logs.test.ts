import type { ToolLogFrame } from '@carapulse/contract';
import { expect, test } from 'vitest';
import { createCallLogs, type CallLogs } from './call-logs.ts';

const ID = 'a'.repeat(16);
type Frame = Exclude<ToolLogFrame, { kind: 'ping' }>;

async function framesOf(frames: AsyncIterable<Frame>): Promise<readonly Frame[]> {
  const all: Frame[] = [];
  for await (const frame of frames) all.push(frame);
  return all;
}

function follow(logs: CallLogs, afterSeq = 0, signal = new AbortController().signal) {
  return logs.follow(ID, afterSeq, 0, signal);
}

function log(seq: number, text = String(seq)): Frame {
  return { kind: 'log', seq, stream: 'stdout', text };
}

/** A call that has written its numbers from 1 on, and has ended. */
function written(count: number, text: (seq: number) => string = String): CallLogs {
  const logs = createCallLogs();
  const call = logs.begin(ID);
  for (let seq = 1; seq <= count; seq += 1) call?.write({ stream: 'stdout', text: text(seq) });
  call?.end();
  return logs;
}

test('who asks anew goes on after the last frame that it has', async () => {
  const logs = written(5);
  expect(await framesOf(follow(logs, 3))).toEqual([
    log(4),
    log(5),
    { kind: 'end', reason: 'ended', last_seq: 5 },
  ]);
  expect(await framesOf(follow(logs, 5))).toEqual([{ kind: 'end', reason: 'ended', last_seq: 5 }]);
});

test('who is beyond the end hears the end, and which frame was the last', async () => {
  expect(await framesOf(follow(written(2), 99))).toEqual([{ kind: 'end', reason: 'ended', last_seq: 2 }]);
});

test('of more frames than are kept the oldest are a gap', async () => {
  const frames = await framesOf(follow(written(2003)));
  expect(frames.slice(0, 2)).toEqual([{ kind: 'gap', before_seq: 4 }, log(4)]);
  expect(frames).toHaveLength(1 + 2000 + 1);
});

test('of more text than is kept the oldest is a gap, once, and none of what is there', async () => {
  const text = (seq: number): string => String(seq).repeat(200 * 1024);
  const frames = await framesOf(follow(written(4, text), 1));
  expect(frames).toEqual([
    { kind: 'gap', before_seq: 3 },
    log(3, text(3)),
    log(4, text(4)),
    { kind: 'end', reason: 'ended', last_seq: 4 },
  ]);
  expect((await framesOf(follow(written(4, text), 2)))[0]).toEqual(log(3, text(3)));
});

test('who reads slowly misses what was dropped meanwhile, and is told so', async () => {
  const logs = createCallLogs();
  const call = logs.begin(ID);
  call?.write({ stream: 'stdout', text: '1' });
  const reader = follow(logs);
  expect((await reader.next()).value).toEqual(log(1));
  for (let seq = 2; seq <= 2002; seq += 1) call?.write({ stream: 'stdout', text: String(seq) });
  expect((await reader.next()).value).toEqual({ kind: 'gap', before_seq: 3 });
  expect((await reader.next()).value).toEqual(log(3));
  await reader.return(undefined);
});

test('a follower hears a call that begins after it, as it goes', async () => {
  const logs = createCallLogs();
  const reader = logs.follow(ID, 0, 60_000, new AbortController().signal);
  const first = reader.next();
  const call = logs.begin(ID);
  call?.write({ stream: 'stdout', text: '1' });
  expect((await first).value).toEqual(log(1));
  const next = reader.next();
  call?.end();
  expect((await next).value).toEqual({ kind: 'end', reason: 'ended', last_seq: 1 });
});

test('a call that nobody knows, one that goes on when the service ends, and one id for two', async () => {
  expect(await framesOf(follow(createCallLogs(), 7))).toEqual([
    { kind: 'end', reason: 'unknown', last_seq: 7 },
  ]);
  const logs = createCallLogs();
  logs.begin(ID);
  expect(logs.begin(ID)).toBeNull();
  const closing = new AbortController();
  const frames = framesOf(follow(logs, 0, closing.signal));
  closing.abort();
  expect(await frames).toEqual([{ kind: 'end', reason: 'closing', last_seq: 0 }]);
});

test('of ended calls the newest hundred are kept', async () => {
  const logs = written(1);
  for (let nth = 0; nth < 100; nth += 1) logs.begin(`${ID}${nth}`)?.end();
  expect(await framesOf(follow(logs))).toEqual([{ kind: 'end', reason: 'unknown', last_seq: 0 }]);
});
