// The peer of the gateway: bare Fastify with the same token verifier and the same statements on the same database.
// No schema, permission, rate, policy, hash, card, entity tag or audit chain; just what must be read and written.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createLocalIssuer, createTokenVerifier } from '@carapulse/identity-jwt';
import { newId, toTimestamp, type Actor } from '@carapulse/kernel';
import type { StoreReads } from '@carapulse/operations';
import { createStore, openDatabase } from '@carapulse/store-postgres';
import Fastify, { type FastifyRequest } from 'fastify';

export interface BareGatewayOptions {
  readonly database: string;
  readonly issuerKey: string;
  readonly issuer: string;
  readonly planId: string;
}

const options = JSON.parse(process.argv[2] ?? '') as BareGatewayOptions;
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const random = { bytes: (count: number) => new Uint8Array(randomBytes(count)) };
const audience = 'carapulse';
const { issuer, jwks } = await createLocalIssuer({
  privateKeyPem: await readFile(options.issuerKey, 'utf8'),
  issuer: options.issuer,
  audience,
  clock,
});
const verifier = createTokenVerifier({
  clock,
  cacheSize: 10_000,
  issuers: [
    {
      issuer,
      audience,
      tenantId: 'default',
      assurance: 'local',
      serviceSubjects: [],
      keys: { kind: 'local', jwks },
    },
  ],
});
const database = await openDatabase({ kind: 'pglite', directory: options.database });
const store = await createStore(database);
const sample = await store.read.plan('default', options.planId);
const [audited] = await store.read.audit('default', 0, 1);
if (sample === null || audited === undefined) throw new Error('The copied database lacks the plan.');

const actorOf = (request: FastifyRequest): Promise<Actor> =>
  verifier.verify((request.headers.authorization ?? '').slice('Bearer '.length)).then(({ actor }) => actor);

async function read(reads: StoreReads, tenantId: string, planId: string): Promise<object> {
  const record = await reads.plan(tenantId, planId);
  const approvals = await reads.approvals(planId);
  const execution = await reads.executionOfPlan(planId);
  return { ...record, approvals, execution };
}

const app = Fastify();
app.get<{ Params: { id: string } }>('/v1/plans/:id', (request) =>
  actorOf(request).then((actor) => read(store.read, actor.tenant_id, request.params.id)),
);
app.post<{ Body: { incident_id: string } }>('/v1/plans', async (request, reply) => {
  const actor = await actorOf(request);
  const { incident_id } = request.body;
  await store.read.incident(actor.tenant_id, incident_id);
  await store.read.alerts(incident_id);
  await store.read.investigations(incident_id);
  await store.read.playbooks(actor.tenant_id);
  const planId = newId('plan', clock, random);
  const at = toTimestamp(clock.nowMs());
  await store.transaction(async (tx) => {
    await tx.insertPlan({
      ...sample,
      plan: { ...sample.plan, plan_id: planId },
      revision: 1,
      updated_at: at,
    });
    await tx.appendEvent({
      type: 'plan.updated',
      subject_id: planId,
      data: { status: sample.status },
      tenant_id: actor.tenant_id,
      at,
    });
    await tx.appendAudit(({ seq }) => ({
      ...audited,
      seq: seq + 1,
      at,
      subject_id: planId,
      mac: randomBytes(32).toString('hex'),
    }));
  });
  return reply.code(201).send(await read(store.read, actor.tenant_id, planId));
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ url });
process.once('SIGTERM', () => {
  void app
    .close()
    .then(() => database.close())
    .then(() => process.disconnect());
});
