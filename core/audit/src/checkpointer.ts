/**
 * Writes the signed checkpoints of one chain.
 *
 * Owner: one checkpointer a chain, in the process that appends or beside it; it keeps no timer, `step` is driven.
 * Boundary: reads the chain through ChainSource, writes through CheckpointStore; never writes to the database.
 * Invariants:
 * 1. Driven by the delays that `step` returns, with reads and writes that take at most `writeBudgetMs` together, each
 *    committed record is vouched for on disk within `maxAgeMs` of its commit.
 * 2. Nothing is signed unless the chain still contains, unchanged, the record that the newest checkpoint vouches for:
 *    a cut or rewritten chain is never made good by a new checkpoint.
 * 3. Without new records nothing is written. At most one step runs at a time.
 * 4. A failed step loses nothing: the next one covers what it didn't, and `exposure` grows until it does.
 */
import { AppError, toTimestamp } from '@carapulse/kernel';
import type { Clock } from '@carapulse/kernel';
import type { ChainHead, ChainKey } from './chain.ts';
import { Checkpoint, checkpointBytes } from './checkpoint.ts';
import type { CheckpointBody, CheckpointSigner, CheckpointStore } from './checkpoint.ts';

/** Committed state of the chain. */
export interface ChainSource {
  head(signal: AbortSignal): Promise<ChainHead>;
  /** The MAC that stands at `seq` now, or null when no record does. */
  macAt(seq: number, signal: AbortSignal): Promise<string | null>;
}

export interface CheckpointerOptions {
  readonly key: ChainKey;
  readonly source: ChainSource;
  readonly signer: CheckpointSigner;
  readonly store: CheckpointStore;
  readonly clock: Clock;
  /** Longest time that a record may stay unprotected; 1,000 by default. */
  readonly maxAgeMs?: number;
  /** What reading, signing and syncing may take of it; half of `maxAgeMs` by default. */
  readonly writeBudgetMs?: number;
}

export interface CheckpointStep {
  readonly written: Checkpoint | null;
  /** Milliseconds until the next step is due, counted from now. */
  readonly nextStepInMs: number;
}

export interface Checkpointer {
  /**
   * Writes a checkpoint if the chain has grown.
   * @throws AppError `precondition_failed` when the chain isn't a continuation of the newest checkpoint; what the
   * store, the source or the signer threw. Step again after `nextStepInMs` of the last success.
   */
  step(signal: AbortSignal): Promise<CheckpointStep>;
  /** How long it has been sure that no record is older than that without protection; null before the first step. */
  exposureMs(): number | null;
}

export function createCheckpointer(options: CheckpointerOptions): Checkpointer {
  const { clock, maxAgeMs = 1_000 } = options;
  const periodMs = maxAgeMs - (options.writeBudgetMs ?? maxAgeMs / 2);
  if (!(periodMs > 0)) {
    throw new AppError('invalid_input', 'The checkpointer needs writeBudgetMs to be less than maxAgeMs');
  }
  let covered: CheckpointBody | null = null;
  let loaded = false;
  let running = false;
  let protectedAtMs: number | null = null;

  async function load(signal: AbortSignal): Promise<void> {
    for (const item of await options.store.list(signal)) {
      const parsed = Checkpoint.safeParse(item);
      if (!parsed.success) throw broken('the checkpoint file holds something that is not a checkpoint');
      const { body } = parsed.data;
      if (body.chain_id !== options.key.chainId || body.chain_key_id !== options.key.keyId) {
        throw broken(`the checkpoint of ${body.at} belongs to another chain or key`);
      }
      if (covered === null || body.seq > covered.seq) covered = body;
    }
    loaded = true;
  }

  async function write(signal: AbortSignal): Promise<Checkpoint | null> {
    if (!loaded) await load(signal);
    const head = await options.source.head(signal);
    await assertContinuation(head, signal);
    if (head.mac === null || head.seq === (covered?.seq ?? 0)) return null;
    const body: CheckpointBody = {
      type: 'carapulse.audit.checkpoint.v1',
      chain_id: options.key.chainId,
      chain_key_id: options.key.keyId,
      seq: head.seq,
      mac: head.mac,
      count: head.seq,
      at: toTimestamp(clock.nowMs()),
    };
    const signature = await options.signer.sign(checkpointBytes(body));
    const checkpoint = { body, signed: { key_id: options.signer.keyId, signature } };
    await options.store.append(checkpoint, signal);
    covered = body;
    return checkpoint;
  }

  async function assertContinuation(head: ChainHead, signal: AbortSignal): Promise<void> {
    if (covered === null) return;
    if (head.seq < covered.seq) throw broken(`it ends at seq ${head.seq}`);
    const mac = head.seq === covered.seq ? head.mac : await options.source.macAt(covered.seq, signal);
    if (mac !== covered.mac) throw broken(`another record stands at seq ${covered.seq}`);
  }

  function broken(why: string): AppError {
    const where =
      covered === null ? '' : ` The newest checkpoint (${covered.at}) vouches for seq ${covered.seq}.`;
    return new AppError(
      'precondition_failed',
      `No checkpoint was signed for the audit chain ${options.key.chainId}: ${why}.${where} ` +
        'Run `assistantctl audit verify`.',
    );
  }

  return {
    step: async (signal) => {
      if (running)
        throw new AppError('conflict', 'A checkpoint is already being written', { retryable: true });
      running = true;
      const startedMs = clock.monotonicMs();
      try {
        const written = await write(signal);
        protectedAtMs = startedMs;
        return { written, nextStepInMs: Math.max(0, startedMs + periodMs - clock.monotonicMs()) };
      } finally {
        running = false;
      }
    },
    exposureMs: () => (protectedAtMs === null ? null : clock.monotonicMs() - protectedAtMs),
  };
}

/**
 * Drives a checkpointer until the signal aborts, then writes a last checkpoint under `finalSignal`. A failed step is
 * reported and tried again after `retryMs`.
 */
export async function runCheckpointer(
  checkpointer: Checkpointer,
  options: {
    readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
    readonly onError: (error: unknown) => void;
    readonly signal: AbortSignal;
    readonly finalSignal: AbortSignal;
    readonly retryMs?: number;
  },
): Promise<void> {
  const { signal, onError, retryMs = 250 } = options;
  while (!signal.aborted) {
    let waitMs = retryMs;
    try {
      waitMs = (await checkpointer.step(signal)).nextStepInMs;
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
    await options.sleep(waitMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
  await checkpointer.step(options.finalSignal).catch(onError);
}
