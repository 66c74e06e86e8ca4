import { AppError, canonicalHash, JsonObject, toTimestamp, type JsonValue } from '@carapulse/kernel';
import type { OperationContext, Services } from '@carapulse/operations';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

const KEY = /^[\x21-\x7e]{1,200}$/;

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
  const living = await store.read.livingProcesses();
  const known = await store.transaction((tx) => tx.claimIdempotency(claim, living));
  if (known.kind === 'known') {
    const { record } = known;
    if (record.request_digest !== claim.request_digest) {
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
  try {
    const reply = await work((tx) => tx.actIdempotency(claim));
    await store.transaction((tx) =>
      tx.completeIdempotency(claim, {
        status: reply.status,
        headers: JsonObject.parse(reply.headers),
        body: reply.body,
      }),
    );
    return reply;
  } catch (error) {
    await store.transaction((tx) => tx.releaseIdempotency(claim));
    throw error;
  }
}
