import type { Actor } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import type { ExecutionRecord } from '../ports/index.ts';
import { steeredRun, TOLD } from './steered-run.ts';

export type SteeredRun = Awaited<ReturnType<typeof steeredRun>>;
type Who = NonNullable<Parameters<SteeredRun['as']>[0]>;

/** What a run tells that user:eve has taken over. */
export const TAKEN = {
  ...TOLD,
  held: { kind: 'taken_over' as const, by: 'user:eve', reason: 'mine', at_ms: 1 },
};

interface WrongRequest {
  readonly what: string;
  readonly change: object;
  readonly code: string;
  readonly who?: Who;
}

export interface SteeringVerb {
  /** `execution.<verb>` in the audit trail. */
  readonly verb: string;
  readonly signal: string;
  /** Invokes the verb; `change` goes over a request that is right. */
  readonly call: (run: SteeredRun, change?: object, who?: Who) => Promise<ExecutionRecord>;
  /** A run for which it is allowed. */
  readonly ready: () => Promise<SteeredRun>;
  /** What is audited and told besides who it was. */
  readonly said: object;
  readonly refused: ReadonlyArray<{
    readonly status: ExecutionRecord['status'];
    readonly says: string;
    readonly steering?: ExecutionRecord['steering'];
  }>;
  /** Requests of its own that are wrong, beside those that are wrong for every verb. */
  readonly wrong?: readonly WrongRequest[];
  readonly peopleOnly?: true;
}

const WRONG_FOR_ALL: readonly WrongRequest[] = [
  { what: 'no reason', change: { reason: '' }, code: 'invalid_input' },
  { what: 'what it does not know', change: { force: true }, code: 'invalid_input' },
  { what: "another tenant's run", change: {}, code: 'not_found', who: { tenant_id: 'other' } },
];
const MACHINES: ReadonlyArray<Actor['kind']> = ['agent', 'service'];

/** What every verb by which a person steers a run must do. */
export function steeringVerbSuite({ verb, signal, call, ready, said, ...more }: SteeringVerb): void {
  describe(`as every verb that steers: ${verb}`, () => {
    it('is audited, then told to the run', async () => {
      const run = await ready();
      expect(await call(run)).toMatchObject({ execution_id: run.id });
      expect(run.harness.signals).toMatchObject([
        { runId: run.id, name: signal, payload: { ...said, by: 'user:bob' } },
      ]);
      expect(await run.harness.audit()).toMatchObject([
        {
          action: `execution.${verb}`,
          actor: { id: 'user:bob' },
          subject: { kind: 'execution', id: run.id },
          context: { environment: 'staging' },
          details: said,
        },
      ]);
    });

    it('tells nobody what could not be audited', async () => {
      const run = await ready();
      run.harness.store.beforeCommit = () => {
        throw new Error('the disk is full');
      };
      expect(await run.harness.refusal(() => call(run))).toMatchObject({ code: 'internal', audited: [] });
    });

    it.each(more.refused)(
      'is refused for a run that is $status: $says',
      async ({ status, says, steering }) => {
        const run = await steeredRun(status, steering ?? null);
        await expect(call(run)).rejects.toMatchObject({
          code: 'conflict',
          message: expect.stringContaining(says),
        });
        expect(await run.harness.refusal(() => call(run))).toMatchObject({ code: 'conflict', audited: [] });
      },
    );

    it.each([...WRONG_FOR_ALL, ...(more.wrong ?? [])])('refuses $what', async ({ change, code, who }) => {
      const run = await ready();
      expect(await run.harness.refusal(() => call(run, change, who))).toMatchObject({ code, audited: [] });
    });

    it.each(more.peopleOnly === true ? MACHINES : [])(
      'is for people: an actor that is %s is refused, audited',
      async (kind) => {
        const run = await ready();
        const refusal = await run.harness.refusal(() => call(run, {}, { kind }));
        expect(refusal).toMatchObject({ code: 'forbidden', audited: ['operation.refuse'] });
      },
    );
  });
}
