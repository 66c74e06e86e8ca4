import { createAuditWriter, createChainKey, EMPTY_CHAIN, type AuditRecord } from '@carapulse/audit';
import { toAppError, type Actor, type Clock, type JsonValue, type Role } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import * as exported from './index.ts';
import { invoke, type Operation, type OperationContext, type Services, type StoredAudit } from './index.ts';

const ROLES = ['anonymous', 'observer', 'developer', 'operator', 'admin'] as const satisfies readonly Role[];

/** The weakest role that may call each verb. A new verb is not finished before it has its line. */
const WEAKEST: Readonly<Record<string, Role>> = {
  'backfill-schedule': 'operator',
  'break-glass-plan': 'operator',
  'cancel-execution': 'operator',
  'cancel-plan': 'developer',
  'clear-halt': 'operator',
  'close-incident': 'developer',
  'create-plan': 'developer',
  'create-schedule': 'operator',
  'decide-approval': 'operator',
  'delete-schedule': 'operator',
  'execute-plan': 'operator',
  'finish-execution': 'operator',
  'get-execution': 'observer',
  'get-halt': 'observer',
  'get-history': 'observer',
  'get-incident': 'observer',
  'get-plan': 'observer',
  'get-schedule': 'observer',
  'handback-execution': 'operator',
  'investigate-incident': 'developer',
  'list-approvals': 'observer',
  'list-audit-events': 'operator',
  'list-executions': 'observer',
  'list-incidents': 'observer',
  'list-plans': 'observer',
  'list-playbooks': 'observer',
  'list-schedules': 'observer',
  'pause-execution': 'operator',
  'list-workflows': 'observer',
  'pause-schedule': 'operator',
  'put-playbook': 'admin',
  'read-logs': 'observer',
  'receive-alerts': 'operator',
  'release-plan': 'operator',
  'replace-schedule': 'operator',
  'resolve-step': 'operator',
  'resume-execution': 'operator',
  'resume-schedule': 'operator',
  'retry-step': 'operator',
  'revoke-approval': 'operator',
  'set-halt': 'operator',
  'skip-step': 'operator',
  'takeover-execution': 'operator',
  'trigger-schedule': 'operator',
  'start-workflow': 'developer',
};

type Verb = Operation<unknown, unknown>;
const verbs = (Object.values(exported) as readonly unknown[]).filter(isVerb);
const clock: Clock = { nowMs: () => 0, monotonicMs: () => 0 };

function isVerb(value: unknown): value is Verb {
  return typeof value === 'object' && value !== null && 'permission' in value && 'run' in value;
}

function setUp(roles: readonly Role[]) {
  const rows: AuditRecord[] = [];
  let head = EMPTY_CHAIN;
  const key = createChainKey('test', new Uint8Array(32).fill(7));
  const audit = createAuditWriter({ key, clock, redact: (value) => value as JsonValue });
  const tx = {
    appendEvent: async () => {},
    appendAudit: async (chain: (at: typeof head) => StoredAudit) => {
      const row = chain(head);
      const record = JSON.parse(row.record) as AuditRecord;
      rows.push(record);
      head = { seq: row.seq, mac: row.mac };
      return row;
    },
  };
  const actor: Actor = {
    id: 'user:x',
    kind: 'human',
    tenant_id: 't',
    roles: [...roles],
    groups: [],
    assurance: 'session',
  };
  const services = {
    audit,
    clock,
    settings: { environment: 'production' },
    logger: { error: () => {} },
    store: { transaction: async (work: (on: typeof tx) => Promise<unknown>) => work(tx) },
  };
  // Only what authorisation and the audit reach is there: a verb that goes further without leave would throw.
  const context = {
    actor,
    requestId: 'req',
    signal: new AbortController().signal,
    services: services as unknown as Services,
  } satisfies OperationContext;
  return { context, rows };
}

async function codeOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'done',
    (error: unknown) => toAppError(error).code,
  );
}

describe('every verb', () => {
  it('has its line in the table of roles, and no other has', () => {
    expect(verbs.map(({ name }) => name).toSorted()).toEqual(Object.keys(WEAKEST).toSorted());
  });

  it('that writes has a name in the audit trail', () => {
    const unnamed = verbs.filter(
      (verb) => verb.kind === 'write' && !/^[a-z_]+(\.[a-z_]+)+$/.test(verb.auditAction),
    );
    expect(unnamed.map(({ name }) => name)).toEqual([]);
  });

  it.each(verbs.flatMap((verb) => ROLES.map((role) => ({ verb, role, name: verb.name }))))(
    '$name by a $role is decided by the table, and a refusal is audited',
    async ({ verb, role }) => {
      const { context, rows } = setUp([role]);
      const code = await codeOf(invoke(verb, context, { no_verb_takes_this: true }));
      const allowed = ROLES.indexOf(role) >= ROLES.indexOf(WEAKEST[verb.name] ?? 'admin');
      expect(code === 'forbidden').toBe(!allowed);
      expect(rows.map(({ action, subject, outcome }) => [action, subject?.id, outcome?.result])).toEqual(
        allowed ? [] : [['operation.refuse', verb.name, 'denied']],
      );
    },
  );

  it('refuses an actor without any role', async () => {
    const { context } = setUp([]);
    for (const verb of verbs) expect(await codeOf(invoke(verb, context, {}))).toBe('forbidden');
  });
});

describe('a write', () => {
  const write = (commits: boolean): Verb => ({
    kind: 'write',
    name: 'test-write',
    permission: 'plan.create',
    auditAction: 'plan.test',
    input: z.strictObject({}),
    run: async (_context, _input, commit) => {
      if (!commits) return 'unaudited';
      const audit = {
        action: 'plan.test',
        phase: 'event',
        subject: { kind: 'plan', id: 'p' },
        details: {},
      } as const;
      return commit(async () => ({ result: 'done', audit, events: [] }));
    },
  });

  it('that ends without an audited commit fails', async () => {
    const { context, rows } = setUp(['admin']);
    expect(await codeOf(invoke(write(false), context, {}))).toBe('internal');
    expect(rows).toEqual([]);
  });

  it('leaves one record that names who asked', async () => {
    const { context, rows } = setUp(['admin']);
    expect(await invoke(write(true), context, {})).toBe('done');
    expect(rows.map(({ action, actor }) => [action, actor.id])).toEqual([['plan.test', 'user:x']]);
  });

  it('with an input it does not know fails before it acts', async () => {
    const { context, rows } = setUp(['admin']);
    expect(await codeOf(invoke(write(true), context, { more: 1 }))).toBe('invalid_input');
    expect(rows).toEqual([]);
  });
});
