import { AppError, canonicalHash, JsonObject, toTimestamp, type JsonValue } from '@carapulse/kernel';
import type { Services } from '@carapulse/operations';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}

/** A claim without a reply this old belongs to a process that died; the verbs behind it are safe to repeat. */
const ABANDONED_MS = 60_000;
const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * Runs `work` at most once a key and principal (draft-ietf-httpapi-idempotency-key-header): the same request again
 * gets the same reply, another body under the key is refused, one still running is told so.
 * @throws AppError `idempotency_mismatch`, `idempotency_in_progress`, `invalid_input` for a malformed key.
 */
export async function onceByKey(
  services: Pick<Services, 'store' | 'clock'>,
  request: {
    readonly key: string;
    readonly principal: string;
    readonly route: string;
    readonly content: unknown;
  },
  work: () => Promise<Reply>,
): Promise<Reply> {
  const { store, clock } = services;
  const { key, principal } = request;
  if (!KEY.test(key)) {
    throw new AppError('invalid_input', 'An Idempotency-Key is 1 to 200 visible ASCII characters.');
  }
  const claim = {
    key,
    principal,
    request_digest: canonicalHash({ route: request.route, content: request.content }),
    response: null,
    created_at: toTimestamp(clock.nowMs()),
  };
  const known = await store.transaction((tx) => tx.claimIdempotency(claim));
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
    if (clock.nowMs() - Date.parse(record.created_at) < ABANDONED_MS) {
      throw new AppError(
        'idempotency_in_progress',
        `A request with the key ${key} is running; ask again for its reply.`,
        {
          retryable: true,
          retryAfterMs: 1000,
        },
      );
    }
  }
  try {
    const reply = await work();
    await store.transaction((tx) =>
      tx.completeIdempotency(principal, key, {
        status: reply.status,
        headers: JsonObject.parse(reply.headers),
        body: reply.body,
      }),
    );
    return reply;
  } catch (error) {
    await store.transaction((tx) => tx.releaseIdempotency(principal, key));
    throw error;
  }
}
