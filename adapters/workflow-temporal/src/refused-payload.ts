import type { Payload } from '@temporalio/common';
import { DefaultPayloadConverter } from '@temporalio/common';

/** How the codec hands on what it refused: a payload that only the sandbox's converter knows how to tell of. */
export const REFUSED = 'carapulse/refused';

/** Stands in the sandbox where a value was that isn't ours; `reason` says why it isn't read. */
export class RefusedPayload {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** @throws an Error with the reason when the value was refused. */
export function assertRead<Value>(value: Value | RefusedPayload): asserts value is Value {
  if (value instanceof RefusedPayload) throw new Error(value.reason);
}

class SandboxPayloads extends DefaultPayloadConverter {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is the SDK's
  override fromPayload<Value>(payload: Payload): Value {
    if (text(payload.metadata?.['encoding']) !== REFUSED) return super.fromPayload(payload);
    return new RefusedPayload(text(payload.data)) as Value;
  }
}

/** The sandbox's converter, named so for the bundler. Outside of it what was refused has no converter, and fails. */
export const payloadConverter = new SandboxPayloads();

function text(value: Uint8Array | null | undefined): string {
  return value === null || value === undefined ? '' : new TextDecoder().decode(value);
}
