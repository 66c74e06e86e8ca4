import { createPublicKey } from 'node:crypto';
import type { AuditRow } from './audit-record.ts';
import type { ChainHead, ChainKey } from './chain.ts';
import { Checkpoint, checkpointIsSigned } from './checkpoint.ts';
import type { CheckpointKey } from './read-checkpoints.ts';
import { readRow } from './read-row.ts';

/**
 * How a database stands to what was vouched for outside it. `other_key`: its records were made under another key.
 * `departed`: it lacks, or contradicts, the newest checkpoint: an older copy, a failover that lost writes, a rewrite.
 */
export type TrailState =
  | { readonly kind: 'continues' }
  | { readonly kind: 'other_key'; readonly keyId: string }
  | { readonly kind: 'departed'; readonly why: string };

/**
 * Compares a chain with its newest checkpoint: two reads, however long the chain. It proves no record; `verifyChain` does.
 * @param input.checkpoints what CheckpointStore.list gives; what can't be read as a checkpoint departs as well.
 */
export async function compareTrail(input: {
  readonly head: ChainHead;
  readonly rowAt: (seq: number) => Promise<AuditRow | null>;
  readonly checkpoints: readonly unknown[];
  readonly key: ChainKey;
  readonly publicKey: CheckpointKey;
}): Promise<TrailState> {
  const { head, key } = input;
  const last = head.seq === 0 ? null : await input.rowAt(head.seq);
  if (last !== null) {
    const { keyId } = readRow(last, key).claimed;
    if (keyId !== key.keyId) return { kind: 'other_key', keyId };
  }
  if (input.checkpoints.length === 0) return { kind: 'continues' };
  const newest = newestOf(input.checkpoints);
  if (newest === null) return departed('the file of checkpoints holds something that is no checkpoint');
  const { body } = newest;
  if (body.chain_id !== key.chainId || body.chain_key_id !== key.keyId) {
    return departed(`the newest checkpoint (${body.at}) belongs to another chain or key`);
  }
  if (!checkpointIsSigned(newest, createPublicKey(input.publicKey.pem))) {
    return departed(`the newest checkpoint (${body.at}) is not signed with the key ${input.publicKey.keyId}`);
  }
  if (head.seq < body.seq) {
    return departed(
      `it ends at record ${head.seq}, and the checkpoint of ${body.at} vouches for ${body.seq}`,
    );
  }
  const vouched = await input.rowAt(body.seq);
  if (vouched?.mac === body.mac) return { kind: 'continues' };
  return departed(
    `another record ${body.seq} stands in it than the one that the checkpoint of ${body.at} vouches for`,
  );
}

/** The one that vouches for the most, or null when one of them can't be read. */
function newestOf(checkpoints: readonly unknown[]): Checkpoint | null {
  const seqOf = (item: unknown): number =>
    Number((item as { readonly body?: { readonly seq?: unknown } } | null)?.body?.seq ?? Number.NaN);
  let newest: unknown = null;
  for (const item of checkpoints) {
    if (!Number.isSafeInteger(seqOf(item))) return null;
    if (newest === null || seqOf(item) > seqOf(newest)) newest = item;
  }
  return Checkpoint.safeParse(newest).data ?? null;
}

function departed(why: string): TrailState {
  return { kind: 'departed', why };
}
