import {
  TEST_IDS,
  TEST_NOW_MS,
  testCall,
  testEnvelope,
  testKey,
  testPlan,
  testStatement,
  testStep,
  testTrust,
} from '@carapulse/approval/testing';
import type { ApprovalStatement, EnvelopeBody } from '@carapulse/approval';
import { AppError } from '@carapulse/kernel';
import type { JsonValue } from '@carapulse/kernel';
import type { Plan, RepeatClass, Step } from '@carapulse/plan';
import type { Decision } from '@carapulse/policy';
import { z } from 'zod';
import { createToolRegistry } from './registry.ts';
import { createToolRouter } from './router.ts';
import type { RouterDeps } from './router-deps.ts';
import type { ToolAuditEntry } from './router-ports.ts';
import type { HaltState, ToolRequest, ToolResponse, ToolRouter } from './router-port.ts';
import { defineAction, defineTool } from './tool-definition.ts';
import type { AnyTool } from './tool-definition.ts';

/** What outlives a process: the target, the journal, the audit, the evidence. */
export interface World {
  word: string;
  /** How often the target took a write. */
  effects: number;
  readonly journal: Map<
    string,
    { digest: string; state: 'intent' | 'failed' | 'done'; response?: ToolResponse }
  >;
  readonly plans: Map<string, string>;
  readonly audit: ToolAuditEntry[];
  readonly evidence: JsonValue[];
  halted: HaltState | null;
  readonly halts: AbortController;
  epoch: number;
  decision: Decision;
}

/** Called before and after each port call; throwing is the death of the process. */
export type Fault = (port: string, when: 'before' | 'after') => void;

export const orchestrator = testKey('orchestrator', 'orchestrator');
export const alice = testKey('alice', 'person', { id: 'user:alice' });
export const requester = testKey('requester', 'person', { id: 'user:requester' });
export const trust = testTrust(orchestrator.trusted, alice.trusted, requester.trusted);

export function newWorld(): World {
  return {
    word: 'before',
    effects: 0,
    journal: new Map(),
    plans: new Map(),
    audit: [],
    evidence: [],
    halted: null,
    halts: new AbortController(),
    epoch: 1,
    decision: testPlan().policy,
  };
}

/** A tool of one write, `write`, with the given repeat class, and one read. The sandbox of `newDeps` performs it. */
export function noteTool(repeat: RepeatClass, revision = 1): AnyTool {
  const input = z.strictObject({ word: z.string().regex(/^[a-z]+$/) });
  const command = (...argv: [string, ...string[]]) => ({ argv, cwd: '/', mounts: [], egress: [] });
  return defineTool<{ readonly shelf: string }>({
    name: 'note',
    title: 'Note',
    settings: z.strictObject({ shelf: z.string() }),
    actions: [
      defineAction({
        name: 'write',
        description: 'Writes the word',
        kind: 'write',
        repeat,
        revision,
        input,
        output: z.strictObject({ word: z.string() }),
        effects: () => [{ kind: 'http_send', target: 'note:word', method: 'PUT' }],
        transports: [
          {
            kind: 'cli',
            program: 'note',
            run: async ({ word }, runtime) => ({
              word: (await runtime.exec(command('note', 'write', word))).stdout,
            }),
          },
        ],
        observe: async ({ word }, runtime) =>
          (await runtime.exec(command('note', 'read'))).stdout === word ? 'done' : 'not_done',
        readBack: async (_, runtime) => ({ word: (await runtime.exec(command('note', 'read'))).stdout }),
        commands: () => [],
        timeoutMs: 1000,
        maxOutputBytes: 1000,
      }),
      defineAction({
        name: 'read',
        description: 'Reads the word',
        kind: 'read',
        repeat: 'convergent',
        revision: 1,
        input: z.strictObject({}),
        output: z.strictObject({ word: z.string().max(50) }),
        effects: () => [{ kind: 'read', target: 'note:word' }],
        transports: [
          {
            kind: 'cli',
            program: 'note',
            run: async (_, runtime) => ({ word: (await runtime.exec(command('note', 'read'))).stdout }),
          },
        ],
        commands: () => [],
        timeoutMs: 1000,
        maxOutputBytes: 1000,
      }),
    ],
  });
}

/** The ports of one process over a world; `fault` may kill it at any call. */
export function newDeps(world: World, repeat: RepeatClass, fault: Fault = () => undefined): RouterDeps {
  let dead: unknown = null;
  let sleptMs = 0;
  const port = async <T>(name: string, work: () => T): Promise<T> => {
    await Promise.resolve();
    const check = (when: 'before' | 'after'): void => {
      if (dead !== null) throw dead;
      try {
        fault(name, when);
      } catch (error) {
        dead = error;
        throw error;
      }
    };
    check('before');
    const result = work();
    check('after');
    return result;
  };
  return {
    registry: createToolRegistry([noteTool(repeat)], { note: { shelf: 'top' } }),
    trust,
    stage: 1,
    commandLimits: { memoryBytes: 1, pids: 1 },
    clock: { nowMs: () => TEST_NOW_MS, monotonicMs: () => sleptMs },
    sleep: async (ms, { aborted }) => {
      sleptMs += ms;
      if (aborted) throw new AppError('cancelled', 'Aborted while asleep.');
    },
    programs: { has: () => true },
    documents: { replaceScalar: () => ({ kind: 'refused', reason: 'unreadable', detail: 'no editor here' }) },
    judge: () => [],
    redactor: {
      stream: () => ({ push: (chunk) => chunk.replaceAll('hunter', '[redacted]'), end: () => '' }),
      text: (text) => text.replaceAll('hunter', '[redacted]'),
      json: (value) => JSON.parse(JSON.stringify(value).replaceAll('hunter', '[redacted]')) as JsonValue,
    },
    workspace: {
      open: () =>
        port('workspace.open', () => ({
          scratch: '/scratch',
          cache: '/cache',
          close: () => Promise.resolve(),
        })),
    },
    policy: { decide: () => port('policy.decide', () => world.decision), bundleDigest: () => 'sha256:0' },
    epochGuard: {
      assertCurrent: ({ epoch }) =>
        port('epoch', () => {
          if (epoch < world.epoch) throw new AppError('fenced', `epoch ${epoch} is old`);
        }),
    },
    halt: { state: () => world.halted, signal: () => world.halts.signal },
    sandbox: {
      status: () => ({ backend: 'launcher', detail: '', unavailable: [] }),
      run: (command) =>
        port(`sandbox.${command.argv[1]}`, () => {
          if (command.argv[1] === 'write') {
            world.word = command.argv[2] ?? '';
            world.effects += 1;
          }
          return { exitCode: 0, stdout: world.word, stderr: '', durationMs: 1, stoppedBy: null };
        }),
    },
    egressHttp: { request: () => Promise.reject(new AppError('not_supported', 'no http here')) },
    journal: {
      claimPlan: (planId, executionId) =>
        port('journal.claim', () => {
          const holder = world.plans.get(planId) ?? executionId;
          world.plans.set(planId, holder);
          return holder;
        }),
      begin: (call) =>
        port('journal.begin', () => {
          const known = world.journal.get(call.key);
          if (known === undefined) {
            world.journal.set(call.key, { digest: call.inputDigest, state: 'intent' });
            return { kind: 'new' as const };
          }
          if (known.digest !== call.inputDigest) throw new AppError('idempotency_mismatch', 'another input');
          return known.response === undefined
            ? { kind: 'interrupted' as const }
            : { kind: 'done' as const, response: known.response };
        }),
      assertOurs: () => port('journal.ours', () => undefined),
      leave: () => port('journal.leave', () => undefined),
      finish: (key, outcome) =>
        port('journal.finish', () => {
          const known = world.journal.get(key);
          if (known === undefined) throw new AppError('internal', `finish without begin: ${key}`);
          if (outcome.kind === 'not_done') world.journal.delete(key);
          else if (outcome.kind === 'done')
            world.journal.set(key, { ...known, state: 'done', response: outcome.response });
          else world.journal.set(key, { ...known, state: 'failed' });
        }),
    },
    audit: {
      record: (entry) =>
        port(`audit.${entry.phase}`, () => {
          world.audit.push(entry);
        }),
    },
    evidence: {
      put: (item) => port('evidence.put', () => `ev_${world.evidence.push(item.data)}`),
    },
  };
}

export function newRouter(world: World, repeat: RepeatClass, fault?: Fault): ToolRouter {
  return createToolRouter(newDeps(world, repeat, fault));
}

export function notePlan(repeat: RepeatClass, change: Partial<Plan> = {}, step: Partial<Step> = {}): Plan {
  const registry = createToolRegistry([noteTool(repeat)], { note: { shelf: 'top' } });
  const digest = registry.find('note', 'write').digest;
  const base = testStep();
  return testPlan({
    steps: [
      {
        ...base,
        repeat,
        call: testCall({ word: 'after' }, { definition_digest: digest }),
        rollback: {
          kind: 'call',
          call: testCall({ word: 'before' }, { definition_digest: digest }),
          repeat,
          effects: base.effects,
          verify: [],
          timeout_ms: 1000,
        },
        ...step,
      },
    ],
    ...change,
  });
}

/** An approved write request; `body` and `request` changes spoil it. */
export async function writeRequest(
  plan: Plan,
  change: {
    readonly body?: Partial<EnvelopeBody>;
    readonly request?: Partial<ToolRequest>;
    readonly approved?: boolean;
    readonly statement?: Partial<ApprovalStatement>;
  } = {},
): Promise<ToolRequest> {
  const statements = change.approved === false ? [] : [await testStatement(plan, alice, change.statement)];
  const envelope = await testEnvelope(plan, orchestrator, statements, change.body);
  const step = plan.steps[0];
  const rollback = step?.rollback.kind === 'call' ? step.rollback.call : undefined;
  const call = envelope.body.direction === 'forward' ? step?.call : rollback;
  return {
    tool: call?.tool ?? '',
    action: call?.action ?? '',
    input: call?.input ?? {},
    context: plan.context,
    actor: {
      id: 'service:orchestrator',
      kind: 'service',
      tenant_id: 'acme',
      roles: ['operator'],
      groups: [],
      assurance: 'service',
    },
    idempotencyKey: envelope.body.idempotency_key,
    executionId: TEST_IDS.execution,
    epoch: envelope.body.epoch,
    investigationId: null,
    envelope,
    ...change.request,
  };
}

/** `done`, or the error's code and the refusal's name. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { reason } = error.details;
    return typeof reason === 'string' ? `${error.code} ${reason}` : error.code;
  }
}
