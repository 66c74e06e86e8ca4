import type { SignedStatement, TrustedKey } from '@carapulse/approval';
import { testKey, TEST_IDS, TEST_NOW_MS } from '@carapulse/approval/testing';
import { createAuditWriter, createChainKey, type AuditRecord } from '@carapulse/audit';
import { IncidentSettings, type Incident } from '@carapulse/incident';
import {
  AppError,
  createRedactor,
  newId,
  sha256Hex,
  type Actor,
  type DocumentParser,
  type JsonObject,
  type JsonValue,
  type Role,
} from '@carapulse/kernel';
import type { Plan, PlanStatus } from '@carapulse/plan';
import type { Decision, PolicyInput } from '@carapulse/policy';
import type { Calendar } from '@carapulse/schedule';
import type { ToolRequest, ToolResponse } from '@carapulse/tools';
import type { RunHistory } from '@carapulse/workflows';
import type { OperationContext } from '../operation.ts';
import type { ExecutionRecord, PlanRecord } from '../ports/index.ts';
import type { HaltControl, OperationSettings, RunServices, Services } from '../services.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';
import { refusalOf, type Refusal } from './refusal.ts';

export const TENANT = 'acme';

/** What the plan of `testPlan` is decided with when a test says nothing else. */
export const NEEDS_APPROVAL: Decision = {
  decision: 'require_approval',
  reasons: [{ rule: 'writes_need_approval', message: 'Writes need an approval.' }],
  constraints: [],
  ttl_s: 60,
  bundle_digest: 'sha256:0',
};

type Answer = (request: ToolRequest) => JsonValue | Promise<JsonValue>;

/** All services in memory, and the levers that a test pulls. */
export interface Harness {
  /** As a process has them, and as the activities of its runs do. */
  readonly services: RunServices;
  readonly store: MemoryStore;
  readonly objects: Map<string, Uint8Array>;
  readonly calls: ToolRequest[];
  readonly started: string[];
  readonly signals: Array<{ runId: string; signalId: string; name: string; payload: JsonObject }>;
  readonly closed: string[];
  readonly asked: PolicyInput[];
  readonly logged: string[];
  readonly orchestrator: TrustedKey;
  nowMs: number;
  /** What the router answers; what it throws is the call's failure. */
  answer: Answer;
  decision: Decision;
  /** Called before policy answers; what it throws is policy's failure. */
  onDecide: () => void | Promise<void>;
  /** Called before the engine starts a run; what it throws is the start's failure. */
  onStart: (runId: string) => void;
  /** What the engine tells of its runs. */
  readonly histories: Map<string, RunHistory>;
  trust(key: TrustedKey): void;
  as(actor: Partial<Actor> & { readonly id: string }, signal?: AbortSignal): OperationContext;
  /** The audit trail, oldest first. */
  audit(): Promise<readonly AuditRecord[]>;
  storePlan(plan: Plan, status?: PlanStatus): Promise<PlanRecord>;
  /** An execution of a stored plan, queued. */
  queue(plan: Plan, change?: Partial<ExecutionRecord>): Promise<ExecutionRecord>;
  approve(plan: Plan, statement: SignedStatement): Promise<string>;
  storeIncident(change?: Partial<Incident>): Promise<Incident>;
  /** How a call is refused. Fails when it isn't, or when it changed more than the audit trail. */
  refusal(call: () => Promise<unknown>): Promise<Refusal>;
}

/** A test that makes plans from playbooks brings what its planning knows; without it there are no tools. */
export function createHarness(
  change: Partial<OperationSettings> = {},
  planning: Services['planning'] = { catalogue: { describe: async () => null }, profiles: {} },
): Harness {
  const store = createMemoryStore();
  const objects = new Map<string, Uint8Array>();
  const orchestrator = testKey('orchestrator', 'orchestrator');
  const gateway = testKey('gateway', 'gateway');
  const keys = new Map([orchestrator, gateway].map(({ trusted }) => [trusted.key_id, trusted]));
  let drawn = 0;
  const clock = { nowMs: () => harness.nowMs, monotonicMs: () => harness.nowMs };
  const random = {
    bytes: (length: number) => {
      drawn += 1;
      return Uint8Array.from({ length }, (_, at) => (at < length - 4 ? 0 : drawn >> (8 * (length - 1 - at))));
    },
  };
  const logged: string[] = [];
  const log = (message: string, fields?: Readonly<Record<string, unknown>>): void => {
    logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  const logger = { debug: log, info: log, warn: log, error: log, child: () => logger };
  const calls: ToolRequest[] = [];
  const started: string[] = [];
  const signals: Harness['signals'] = [];
  const closed: string[] = [];
  const asked: PolicyInput[] = [];
  const services: RunServices = {
    store,
    objects: memoryObjects(objects),
    policy: {
      decide: async (input) => {
        asked.push(input);
        await harness.onDecide();
        return harness.decision;
      },
      bundleDigest: () => 'sha256:0',
    },
    router: {
      execute: async (request) => {
        calls.push(request);
        const output = await harness.answer(request);
        return response(output);
      },
    },
    engine: {
      start: async (runId) => {
        harness.onStart(runId);
        if (started.includes(runId)) return 'exists';
        started.push(runId);
        return 'started';
      },
      signal: async (runId, signalId, name, payload) => {
        if (!signals.some((each) => each.signalId === signalId))
          signals.push({ runId, signalId, name, payload });
      },
      status: async () => ({ kind: 'absent' }),
      history: async (runId) => harness.histories.get(runId) ?? null,
      wait: async () => ({ kind: 'absent' }),
      recover: async () => ({ resumed: 0, stuck: 0 }),
      close: async () => {},
    },
    halt: memoryHalt(),
    closePlan: async (planId) => {
      closed.push(planId);
    },
    audit: createAuditWriter({
      key: createChainKey('test', new Uint8Array(32).fill(7)),
      clock,
      redact: (value) => value as JsonValue,
    }),
    trust: { key: (id) => keys.get(id) ?? null },
    orchestratorSigner: orchestrator.signer,
    gatewaySigner: gateway.signer,
    planning,
    documents: { parse: parseJson, parseAs: noSchemas },
    calendar: minutely,
    settings: {
      tenantId: TENANT,
      environment: 'production',
      stage: 1,
      automatedWritesPerServiceHour: 2,
      maxConcurrentInvestigations: 2,
      maxConcurrentFirings: 2,
      leaseMs: 60_000,
      approvalTtlMs: 900_000,
      ...change,
    },
    incidents: IncidentSettings.parse({}),
    clock,
    sleep: async (ms, signal) => {
      if (signal.aborted) throw new AppError('cancelled', 'Aborted while asleep.');
      harness.nowMs += ms;
    },
    random,
    logger,
    redact: createRedactor().redactJson,
    epoch: 1,
    runEpoch: 1,
  };
  const harness: Harness = {
    services,
    store,
    objects,
    calls,
    started,
    signals,
    closed,
    asked,
    logged,
    orchestrator: orchestrator.trusted,
    nowMs: TEST_NOW_MS,
    answer: () => ({}),
    decision: NEEDS_APPROVAL,
    onDecide: () => {},
    histories: new Map(),
    onStart: () => {},
    trust: (key) => void keys.set(key.key_id, key),
    as: (actor, signal = new AbortController().signal) => ({
      actor: person(actor),
      requestId: 'req_test',
      signal,
      services,
    }),
    audit: async () =>
      (await store.read.audit(null, 0, 10_000)).map((row) => JSON.parse(row.record) as AuditRecord),
    storePlan: async (plan, status = 'awaiting_approval') => {
      const record = {
        plan,
        tenant_id: TENANT,
        status,
        status_reason: '',
        revision: 1,
        updated_at: plan.created_at,
      };
      await store.transaction((tx) => tx.insertPlan(record));
      return record;
    },
    queue: async (plan, change) => {
      const execution: ExecutionRecord = {
        execution_id: newId('execution', clock, random),
        plan_id: plan.plan_id,
        tenant_id: TENANT,
        status: 'queued',
        status_reason: '',
        epoch: 1,
        queued_at: new Date(harness.nowMs).toISOString(),
        started_at: null,
        first_write_at: null,
        ended_at: null,
        steering: null,
        revision: 1,
        ...change,
      };
      await store.transaction((tx) => tx.insertExecution(execution));
      return execution;
    },
    approve: async (plan, statement) => {
      const approval_id = newId('approval', clock, random);
      await store.transaction((tx) =>
        tx.insertApproval({
          approval_id,
          plan_id: plan.plan_id,
          tenant_id: TENANT,
          statement,
          decided_at: new Date(harness.nowMs).toISOString(),
          revoked_at: null,
          revoked_by: null,
        }),
      );
      return approval_id;
    },
    storeIncident: async (change) => {
      const at = new Date(harness.nowMs - 3_600_000).toISOString();
      const incident: Incident = {
        incident_id: TEST_IDS.incident,
        tenant_id: TENANT,
        status: 'identified',
        title: 'It is down',
        severity: 'critical',
        service: null,
        context: { tenant_id: TENANT, environment: 'production' },
        group_key: 'g',
        opened_at: at,
        updated_at: at,
        resolved_at: null,
        revision: 1,
        ...change,
      };
      await store.transaction((tx) => tx.insertIncident(incident));
      return incident;
    },
    refusal: (call) => refusalOf(harness, call),
  };
  return harness;
}

function person(actor: Partial<Actor> & { readonly id: string }): Actor {
  const roles: Role[] = ['operator'];
  return { kind: 'human', tenant_id: TENANT, roles, groups: ['sre'], assurance: 'session', ...actor };
}

function response(output: JsonValue): ToolResponse {
  return { output, repeated: false, evidenceId: 'ev_test', durationMs: 1 };
}

function memoryObjects(objects: Map<string, Uint8Array>): Services['objects'] {
  return {
    put: async (key, bytes) => {
      const known = objects.get(key);
      if (known !== undefined && Buffer.compare(known, bytes) !== 0) {
        throw new AppError('conflict', `The object ${key} exists with other bytes.`);
      }
      objects.set(key, bytes);
      return { sha256: sha256Hex(bytes) };
    },
    get: async (key) => {
      const bytes = objects.get(key);
      if (bytes === undefined) throw new AppError('not_found', `There is no object ${key}.`);
      return bytes;
    },
  };
}

function memoryHalt(): HaltControl {
  const entries = new Map<string, { scope: string; reason: string; by: string; at: string }>();
  return {
    state: ({ environment }) => entries.get('*') ?? entries.get(environment) ?? null,
    signal: () => new AbortController().signal,
    halt: async (scope, reason, by, at) => void entries.set(scope, { scope, reason, by, at }),
    resume: async (scope) => entries.delete(scope),
    list: () => [...entries.values()],
  };
}

/** The part of YAML that is JSON; where its parts stand is the business of the real parser. */
const parseJson: DocumentParser['parse'] = (text, fileName) => {
  try {
    return { value: JSON.parse(text) as JsonValue, locate: () => ({ line: 1, column: 1 }) };
  } catch (cause) {
    throw new AppError('invalid_input', `${fileName}:1:1: this is no JSON.`, { cause });
  }
};

/** Every minute, in no zone; `0 0 31 2 *` is never, and an expression that names the zone `Gone` can't be read. */
const minutely: Calendar = {
  open: (cron, timeZone) => {
    if (timeZone === 'Gone')
      throw new AppError('invalid_input', 'There is no time zone Gone.', {
        errors: [{ pointer: '/time_zone', detail: 'gone' }],
      });
    return {
      next: (afterMs) => (cron === '0 0 31 2 *' ? null : (Math.floor(afterMs / 60_000) + 1) * 60_000),
    };
  },
};

function noSchemas(): never {
  throw new AppError('internal', 'No operation reads a document by a schema of its own.');
}
