import type { JsonObject, Logger } from '@carapulse/kernel';
import { AppError, canonicalJson } from '@carapulse/kernel';
import type { ReplayVerdict, TemporalHistory } from '@carapulse/workflows';
import { endedAs } from '@carapulse/workflows';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { ReplayError, Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { installRuntime } from './connect.ts';
import type { PayloadKeys } from './payload-codec.ts';
import { createPayloadCodec } from './payload-codec.ts';

export interface TemporalReplay {
  /** The script that `bundleMachines` made. */
  readonly bundle: string;
  /** Those that sealed the history. */
  readonly payloadKeys: PayloadKeys;
  readonly logger?: Logger;
}

type History = ReturnType<typeof historyFromJSON>;

/**
 * Lets the bundle of this build decide again what a recorded run decided. Needs no server, runs no activity. Temporal
 * compares the decisions, not what is in them; the result is compared here.
 * @throws AppError `invalid_input` when it is no history of Temporal's, `forbidden` when the keys don't open it.
 */
export async function replayTemporalHistory(
  { bundle, payloadKeys, logger }: TemporalReplay,
  { run_id: runId, history: recorded }: TemporalHistory,
): Promise<ReplayVerdict> {
  const history = readHistory(runId, recorded);
  const codec = createPayloadCodec(payloadKeys);
  const events = history.events ?? [];
  await codec.decode(events[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? []);
  const result = await resultOf(history, codec);
  const said = new Set<string>();
  const listening: PayloadCodec = {
    decode: (payloads) => codec.decode(payloads),
    encode: (payloads) => {
      for (const payload of payloads) said.add(canonicalJson(valueOf(payload)));
      return codec.encode(payloads);
    },
  };
  installRuntime(logger);
  try {
    await Worker.runReplayHistory(
      { workflowBundle: { code: bundle }, dataConverter: { payloadCodecs: [listening] } },
      history,
      runId,
    );
  } catch (error) {
    if (!(error instanceof DeterminismViolationError) && !(error instanceof ReplayError)) throw error;
    return { kind: 'differs', reason: reasonOf(error.message, history) };
  }
  const ended = result === null ? null : endedAs(result);
  if (result === null || said.has(canonicalJson(result)))
    return { kind: 'same', events: events.length, ended };
  const reason = `event ${events.length} ends the run ${endedAs(result)}; this build ends it with another result.`;
  return { kind: 'differs', reason };
}

function readHistory(runId: string, recorded: TemporalHistory['history']): History {
  let fault = 'it does not begin with the start of a run';
  try {
    const history = historyFromJSON(recorded);
    if (history.events?.[0]?.workflowExecutionStartedEventAttributes) return history;
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  throw new AppError('invalid_input', `The history of run ${runId} is not one of Temporal's: ${fault}.`);
}

/** Null when this history has no end, or was continued by another. */
async function resultOf({ events }: History, codec: PayloadCodec): Promise<JsonObject | null> {
  const payloads = events?.at(-1)?.workflowExecutionCompletedEventAttributes?.result?.payloads;
  if (!payloads) return null;
  const [payload] = await codec.decode(payloads);
  return payload === undefined ? null : (valueOf(payload) as JsonObject);
}

function valueOf({ data }: Payload): JsonObject[string] {
  return data === undefined || data === null || data.length === 0
    ? null
    : (JSON.parse(new TextDecoder().decode(data)) as JsonObject[string]);
}

/** Temporal's own words without what it wraps them in; with the event's number where they name an activity alone. */
function reasonOf(message: string, { events }: History): string {
  const [, quoted] = /message: ("(?:[^"\\]|\\.)*")/.exec(message) ?? [];
  const details = quoted === undefined ? message : unquoted(quoted);
  const [, key] = /activity id of scheduled event '([^']+)'/i.exec(details) ?? [];
  const event = (events ?? []).find(
    ({ activityTaskScheduledEventAttributes: asked }) => key !== undefined && asked?.activityId === key,
  );
  if (event === undefined) return details;
  return `event ${String(event.eventId)} asks for ${key}, for which this build did not ask there: ${details}`;
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}
