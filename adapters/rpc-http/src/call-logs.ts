/**
 * The output of running calls, for those who follow it. Owner: one tool router's server. Boundary: memory.
 * 1. A call keeps its newest `MAX_FRAMES` chunks and `MAX_BYTES` of text; who asks for older ones is told of the gap.
 * 2. A call that has ended is kept for `KEPT_MS`, the newest `MAX_ENDED` of them.
 * 3. A slow reader is waited for by nobody: it reads from what is kept.
 */
import type { ToolLogFrame } from '@carapulse/contract';
import type { OutputChunk } from '@carapulse/tools';

const MAX_FRAMES = 2000;
const MAX_BYTES = 512 * 1024;
const KEPT_MS = 60_000;
const MAX_ENDED = 100;

type LogFrame = Extract<ToolLogFrame, { kind: 'log' }>;

/** One call that runs, or has just ended. */
export interface CallLog {
  readonly write: (chunk: OutputChunk) => void;
  readonly end: () => void;
}

export interface CallLogs {
  /** Null when there is one of that id already. */
  begin(callId: string): CallLog | null;
  /** Frames after a sequence number, up to the call's end; waits for a call that hasn't begun for `waitMs`. */
  follow(
    callId: string,
    afterSeq: number,
    waitMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<Exclude<ToolLogFrame, { kind: 'ping' }>>;
}

interface Kept {
  frames: LogFrame[];
  bytes: number;
  lastSeq: number;
  ended: boolean;
}

export function createCallLogs(): CallLogs {
  const calls = new Map<string, Kept>();
  const ended: string[] = [];
  const listeners = new Set<() => void>();
  const wake = (): void => {
    for (const listener of listeners) listener();
  };
  const forget = (callId: string): void => {
    calls.delete(callId);
    const at = ended.indexOf(callId);
    if (at >= 0) ended.splice(at, 1);
  };
  /** Resolves at the next change of any call, or when the time is up. */
  const change = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        listeners.delete(done);
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  return {
    begin: (callId) => {
      if (calls.has(callId)) return null;
      const kept: Kept = { frames: [], bytes: 0, lastSeq: 0, ended: false };
      calls.set(callId, kept);
      wake();
      return {
        write: ({ stream, text }) => {
          append(kept, { kind: 'log', seq: kept.lastSeq + 1, stream, text: text.slice(0, MAX_BYTES) });
          wake();
        },
        end: () => {
          kept.ended = true;
          ended.push(callId);
          setTimeout(() => forget(callId), KEPT_MS).unref();
          while (ended.length > MAX_ENDED) forget(ended[0] ?? '');
          wake();
        },
      };
    },
    async *follow(callId, afterSeq, waitMs, signal) {
      if (!calls.has(callId)) {
        const untilMs = performance.now() + waitMs;
        while (!calls.has(callId) && performance.now() < untilMs && !signal.aborted)
          await change(untilMs - performance.now(), signal);
      }
      const kept = calls.get(callId);
      if (kept === undefined) {
        yield { kind: 'end', reason: 'unknown', last_seq: afterSeq };
        return;
      }
      let seq = afterSeq;
      while (!signal.aborted) {
        const next = kept.frames.find((frame) => frame.seq > seq);
        if (next !== undefined) {
          if (next.seq > seq + 1) yield { kind: 'gap', before_seq: next.seq };
          seq = next.seq;
          yield next;
        } else if (kept.ended) {
          yield { kind: 'end', reason: 'ended', last_seq: kept.lastSeq };
          return;
        } else await change(60_000, signal);
      }
      yield { kind: 'end', reason: 'closing', last_seq: kept.lastSeq };
    },
  };
}

function append(kept: Kept, frame: LogFrame): void {
  kept.frames.push(frame);
  kept.lastSeq = frame.seq;
  kept.bytes += frame.text.length;
  while (kept.frames.length > MAX_FRAMES || kept.bytes > MAX_BYTES)
    kept.bytes -= kept.frames.shift()?.text.length ?? 0;
}
