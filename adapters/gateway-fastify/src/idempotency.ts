import {
  AppError,
  canonicalHash,
  JsonObject,
  toAppError,
  toTimestamp,
  type JsonValue,
} from '@carapulse/kernel';
import type {
  IdempotencyRecord,
  OperationContext,
  Services,
  Store,
  StoreTransaction,
} from '@carapulse/operations';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

type Settle = (tx: StoreTransaction) => Promise<void>;

const KEY = /^[\x21-\x7e]{1,200}$/;
/** What this process alone knows: its requests under way, and how those ended whose end the store couldn't take yet. */
interface Here {
  readonly running: Set<string>;
  readonly unsettled: Set<Settle>;
}
const hereOf = new WeakMap<Store, Here>();

/**
 * Lets `work` act at most once a key and principal (draft-ietf-httpapi-idempotency-key-header): the same request again
 * gets the same reply, another body under the key is refused, one that a living process runs is told so. One that an ended
 * process left runs again if nothing was committed under it, else nobody knows how much of it was done.
 * @throws AppError `idempotency_mismatch`, `idempotency_in_progress`, `outcome_unknown`, `invalid_input` for a
 * malformed key.
 */
export async function onceByKey(
  services: Pick<Services, 'store' | 'clock' | 'epoch'>,
  request: {
    readonly key: string;
    readonly principal: string;
    readonly route: string;
    readonly content: unknown;
  },
  work: (onCommit: NonNullable<OperationContext['onCommit']>) => Promise<Reply>,
): Promise<Reply> {
  const { store, clock, epoch } = services;
  const { key, principal } = request;
  if (!KEY.test(key)) {
    throw new AppError('invalid_input', 'An Idempotency-Key is 1 to 200 visible ASCII characters.');
  }
  const claim = {
    key,
    principal,
    request_digest: canonicalHash({ route: request.route, content: request.content }),
    response: null,
    epoch,
    acted: false,
    created_at: toTimestamp(clock.nowMs()),
  };
  const here = hereOf.get(store) ?? { running: new Set(), unsettled: new Set() };
  hereOf.set(store, here);
  await settleLeft(store, here);
  const living = await store.read.livingProcesses();
  const id = canonicalHash({ key, principal });
  const alone = !here.running.has(id);
  here.running.add(id);
  /** Also a claim whose acknowledgement was lost is ours; one that another request of this process has isn't. */
  const release = async (error: unknown): Promise<never> => {
    if (alone) await settle(store, here, (tx) => tx.releaseIdempotency(claim));
    throw error;
  };
  try {
    const known = await store.transaction((tx) => tx.claimIdempotency(claim, living)).catch(release);
    if (known.kind === 'known') return replayOf(known.record, claim, living);
    const reply = await work((tx) => tx.actIdempotency(claim)).catch(release);
    const { status, body } = reply;
    const headers = JsonObject.parse(reply.headers);
    await settle(store, here, (tx) => tx.completeIdempotency(claim, { status, headers, body }));
    return reply;
  } finally {
    if (alone) here.running.delete(id);
  }
}

/** What a request is told whose key is known. @throws AppError */
function replayOf(
  record: IdempotencyRecord,
  { key, epoch, request_digest }: IdempotencyRecord,
  living: ReadonlySet<number>,
): Reply {
  if (record.request_digest !== request_digest) {
    throw new AppError(
      'idempotency_mismatch',
      `The key ${key} was used with another request; take a new one.`,
    );
  }
  if (record.response !== null) {
    const headers = Object.fromEntries(
      Object.entries(record.response.headers).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    return {
      status: record.response.status,
      headers: { ...headers, 'idempotency-replayed': 'true' },
      body: record.response.body,
    };
  }
  if (record.epoch !== epoch && !living.has(record.epoch))
    throw new AppError(
      'outcome_unknown',
      `The request with the key ${key} broke off after it had begun to act; look at what it did (\`assistantctl audit list\`) and ask for the rest under a new key.`,
    );
  throw new AppError(
    'idempotency_in_progress',
    `A request with the key ${key} is running; ask again for its reply.`,
    { retryable: true, retryAfterMs: 1000 },
  );
}

/** Ends a key; while the store is away that waits for the next request with a key. */
async function settle(store: Store, here: Here, how: Settle): Promise<void> {
  here.unsettled.add(how);
  await settleLeft(store, here).catch(() => undefined);
}

/** One after the other may try an ending, never two at once: the key may be running anew by then. */
async function settleLeft(store: Store, { unsettled }: Here): Promise<void> {
  for (const how of unsettled) {
    unsettled.delete(how);
    await store.transaction(how).catch((error: unknown) => {
      // One that is refused has happened: its acknowledgement was lost, or another process has the key.
      if (!toAppError(error).retryable) return;
      unsettled.add(how);
      throw error;
    });
  }
}
