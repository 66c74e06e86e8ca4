import { AppError, toAppError } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import type { ActivityHandler, DurableEngine, Machine, RunStatus } from '../durable-engine.ts';
import type { ProbeState } from './probe-machine.ts';
import { probeMachine } from './probe-machine.ts';

/** How a process of the suite is set up. */
export interface SharedProcessOrder {
  readonly name: string;
  /** Of the probe; another one can't replay what this one began. */
  readonly version: number;
  /** How far its wall clock is off. */
  readonly clockOffsetMs: number;
  readonly leaseMs: number;
  readonly pollMs: number;
}

export type SharedCall =
  | { readonly name: 'start'; readonly run: string; readonly input: JsonObject }
  | { readonly name: 'signal'; readonly run: string; readonly id: string }
  | { readonly name: 'status'; readonly run: string }
  | { readonly name: 'recover' }
  | { readonly name: 'close' };

export type SharedAnswer = RunStatus | { readonly kind: 'done'; readonly value: JsonObject };

/** To a process: a call, or what the target said to its question. */
export type ToShared =
  | { readonly kind: 'call'; readonly id: number; readonly call: SharedCall }
  | { readonly kind: 'said'; readonly id: number; readonly allowed: boolean };

/** From a process. The target stands outside; a process asks it before an effect, and for the effect itself. */
export type FromShared =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: SharedAnswer }
  | { readonly kind: 'failed'; readonly id: number; readonly code: string; readonly message: string }
  | {
      readonly kind: 'enter' | 'effect';
      readonly id: number;
      readonly key: string;
      readonly run: string;
      readonly epoch: number;
    }
  | { readonly kind: 'open' }
  | { readonly kind: 'log'; readonly message: string; readonly run: string };

export interface SharedChannel {
  readonly send: (message: FromShared) => void;
  readonly receive: (listener: (message: ToShared) => void) => void;
}

/** What a process of the suite does until it is told to close; the adapter's program calls it. */
export async function conductSharedProcess(
  order: SharedProcessOrder,
  open: (machine: Machine<ProbeState>, work: ActivityHandler) => Promise<DurableEngine>,
  { send, receive }: SharedChannel,
): Promise<void> {
  const asked = new Map<number, (allowed: boolean) => void>();
  let questions = 0;
  const ask = (kind: 'enter' | 'effect', key: string, run: string, epoch: number): Promise<boolean> => {
    questions += 1;
    const id = questions;
    send({ kind, id, key, run, epoch });
    return new Promise((resolve) => asked.set(id, resolve));
  };
  const engine = await open(
    probeMachine(() => undefined, order.version),
    async (_, { key, runId, epoch }) => {
      await ask('enter', key, runId, epoch);
      if (!(await ask('effect', key, runId, epoch)))
        throw new AppError('fenced', `The target has seen a newer epoch than ${epoch}.`);
      return {};
    },
  );
  const closed = Promise.withResolvers<void>();
  receive((message) => {
    if (message.kind === 'said') {
      asked.get(message.id)?.(message.allowed);
      return;
    }
    const { id, call } = message;
    perform(engine, call).then(
      (answer) => {
        send({ kind: 'answer', id, answer });
        if (call.name === 'close') closed.resolve();
      },
      (error: unknown) => {
        const { code, message: text } = toAppError(error);
        send({ kind: 'failed', id, code, message: text });
      },
    );
  });
  send({ kind: 'open' });
  await closed.promise;
}

async function perform(engine: DurableEngine, call: SharedCall): Promise<SharedAnswer> {
  switch (call.name) {
    case 'start':
      return { kind: 'done', value: { answer: await engine.start(call.run, 'probe', call.input) } };
    case 'signal':
      await engine.signal(call.run, call.id, 'go', {});
      return { kind: 'done', value: {} };
    case 'status':
      return engine.status(call.run);
    case 'recover':
      return { kind: 'done', value: { ...(await engine.recover()) } };
    case 'close':
      await engine.close(1000);
      return { kind: 'done', value: {} };
  }
}
