import { EventEmitter, on } from 'node:events';
import { AppError } from '@carapulse/kernel';

/** One line of the production's own story, e.g. `reconciler`, `deployed 1f0c…`. */
export interface ProductionLine {
  readonly at: string;
  readonly source: string;
  readonly text: string;
}

/** One black-box probe of /checkout. */
export interface ProbeSample {
  /** Counts from 1 and never repeats within a production. */
  readonly sequence: number;
  /** RFC 3339, when the request was sent. */
  readonly at: string;
  readonly ok: boolean;
  /** 0 when there was no answer. */
  readonly status: number;
  /** The revision that answered, from `x-revision`; null when there was no answer. */
  readonly revision: string | null;
  readonly duration_ms: number;
  readonly error?: string;
}

/** One attempt to make a revision the running one. */
export interface Deployment {
  readonly id: number;
  readonly revision: string;
  readonly author: string;
  readonly subject: string;
  readonly committed_at: string;
  readonly deployed_at: string;
  readonly status: 'succeeded' | 'failed';
  readonly message: string;
}

/** One attempt to hand an alert to its receiver; `status` is 0 when nobody answered. */
export interface AlertDelivery {
  readonly at: string;
  readonly alert: 'firing' | 'resolved';
  readonly status: number;
}

export interface ProductionEventMap {
  line: [ProductionLine];
  sample: [ProbeSample];
  deployment: [Deployment];
  delivery: [AlertDelivery];
  /** Everything has ended. */
  stopped: [];
}

export type ProductionEvents = EventEmitter<ProductionEventMap>;

export function createEvents(): ProductionEvents {
  const events: ProductionEvents = new EventEmitter();
  events.setMaxListeners(100);
  return events;
}

/**
 * The first event of that name that `accept` takes. Listening starts at once, within the call.
 * @throws AppError `cancelled` on abort.
 */
export async function nextEvent<Name extends 'line' | 'sample' | 'deployment' | 'delivery'>(
  events: ProductionEvents,
  name: Name,
  accept: (value: ProductionEventMap[Name][0]) => boolean,
  signal: AbortSignal,
): Promise<ProductionEventMap[Name][0]> {
  try {
    for await (const [value] of on(events, name, { signal })) {
      const event = value as ProductionEventMap[Name][0]; // emitted under this name, by this map
      if (accept(event)) return event;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new AppError('cancelled', `Waiting for a ${name} of the production was cancelled`, {
      cause: error,
    });
  }
  throw new AppError('internal', `The stream of ${name} events ended`);
}
