// Owner: one production. Boundary: from the prober's verdict to the receiver's webhook, as Alertmanager delivers.
// 1. While an episode fires it is sent again every REPEAT_MS; an attempt that failed, after RETRY_MS.
// 2. A resolved episode whose firing was delivered is sent until the receiver takes it; another is dropped.
// 3. The receiver's token stays in this process: neither files nor lines hold it.
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { toTimestamp, type Clock } from '@carapulse/kernel';
import { renderWebhook, type AlertText, type Episode } from './alert.ts';
import type { ProductionEvents } from './events.ts';

/** Where alerts go. `url` is http; `token` is sent as a bearer token. */
export interface AlertReceiver {
  readonly url: string;
  readonly token: string;
}

export interface AlertSender {
  /** Null silences. What fires now is sent to the new receiver at once. */
  setReceiver(receiver: AlertReceiver | null): void;
  fire(annotations: AlertText): void;
  resolve(): void;
  start(): void;
  stop(): Promise<void>;
}

export interface AlertSenderOptions {
  readonly platformUrl: string;
  readonly events: ProductionEvents;
  readonly say: (text: string) => void;
  readonly clock: Clock;
}

const REPEAT_MS = 2000;
const RETRY_MS = 500;
const ANSWER_WITHIN_MS = 5000;

export function createAlertSender(options: AlertSenderOptions): AlertSender {
  const { platformUrl, events, say, clock } = options;
  const lifetime = new AbortController();
  let receiver: AlertReceiver | null = null;
  let episode: Episode | null = null;
  let wake = new AbortController();
  let delivered = false;
  let lastSaid = '';
  let loop: Promise<void> = Promise.resolve();

  const now = () => toTimestamp(clock.nowMs());
  const change = (): void => {
    wake.abort();
    wake = new AbortController();
  };
  const report = (text: string): void => {
    if (text !== lastSaid) say(text);
    lastSaid = text;
  };

  /** Sends what is due and returns how long to wait for the next thing to do; null: until something changes. */
  const deliver = async (): Promise<number | null> => {
    if (receiver === null || episode === null) return null;
    if (episode.endsAt !== null && !delivered) {
      episode = null;
      return null;
    }
    const sent = episode;
    const body = renderWebhook(sent, platformUrl);
    const status = await post(receiver, JSON.stringify(body), lifetime.signal);
    if (lifetime.signal.aborted) return null;
    events.emit('delivery', { at: now(), alert: body.status, status });
    const taken = status >= 200 && status < 300;
    report(
      taken
        ? `CheckoutErrors ${body.status}, delivered`
        : `CheckoutErrors ${body.status}, not taken (${status === 0 ? 'no answer' : `status ${status}`}); trying again`,
    );
    if (!taken) return RETRY_MS;
    delivered = true;
    if (body.status === 'firing') return episode === sent ? REPEAT_MS : 0;
    if (episode === sent) episode = null;
    return episode === null ? null : 0;
  };

  const sendForever = async (): Promise<void> => {
    while (!lifetime.signal.aborted) {
      const changed = wake.signal;
      const waitMs = await deliver();
      const signal = AbortSignal.any([lifetime.signal, changed]);
      if (!signal.aborted) await delay(waitMs ?? 2 ** 30, undefined, { signal }).catch(() => undefined);
    }
  };

  return {
    setReceiver(next) {
      receiver = next;
      change();
    },
    fire(annotations) {
      episode = { startsAt: now(), endsAt: null, annotations };
      delivered = false;
      change();
    },
    resolve() {
      if (episode !== null) episode = { ...episode, endsAt: now() };
      change();
    },
    start() {
      loop = sendForever();
    },
    async stop() {
      lifetime.abort();
      await loop;
    },
  };
}

/** Status of the answer; 0 when there was none. */
function post(receiver: AlertReceiver, body: string, lifetime: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(
      receiver.url,
      {
        method: 'POST',
        agent: false,
        signal: AbortSignal.any([lifetime, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${receiver.token}`,
          'user-agent': 'Alertmanager/0.0 (example production)',
        },
      },
      (response) => {
        response.on('error', () => resolve(0));
        response.on('end', () => resolve(response.statusCode ?? 0));
        response.resume();
      },
    );
    outgoing.on('error', () => resolve(0));
    outgoing.end(body);
  });
}
