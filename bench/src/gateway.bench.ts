import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@carapulse/kernel';
import type { BareGatewayOptions } from './bare-gateway-process.ts';
import { startCarapulse, startMeasured, type MeasuredProcess } from './carapulse-process.ts';
import { startFleet } from './fleet.ts';
import { median, type Measurement } from './measurement.ts';

const CONNECTIONS = 8;
const ROUNDS = 5;
const GETS = 600;
const POSTS = 80;
const PEER = join(import.meta.dirname, 'bare-gateway-process.ts');

/** Only reads, so that planning runs no tool and both sides do nothing but serve and store. */
const PLAYBOOK = `format: 1
name: look-at-service
description: Probes a service that a change broke.
summary: Probe {service}
match:
  alerts:
    - { label: severity, op: in, values: [critical, page, warning] }
  cause: bad_change
  confidence: likely
parameters:
  service: { type: string, charset: name, from: { incident: service } }
  probe_url: { type: string, charset: url, max_length: 2000, from: { profile: /endpoints/probe } }
steps:
  - id: probe
    title: Probe {service}
    call:
      tool: http
      action: probe
      input: { url: { $ref: parameters.probe_url } }
expires_in: 1h
max_run: 5m
`;

interface Side {
  readonly process: MeasuredProcess;
  readonly url: string;
}

interface Shot {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly token: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

function send(base: string, { method, path, body, token }: Shot): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
    };
    const call = request(`${base}${path}`, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        (response.statusCode ?? 500) < 300
          ? resolve(text)
          : reject(
              new AppError(
                'internal',
                `${method} ${path} of ${base} answered ${response.statusCode}: ${text}`,
              ),
            ),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** Requests a second, and the server's processor time a request, of `count` requests over kept-alive connections. */
async function load(side: Side, shot: Shot, count: number): Promise<{ perSecond: number; cpuMs: number }> {
  let left = count;
  const [cpuBefore, startedAt] = [side.process.cpuMs(), performance.now()];
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (left > 0) {
        left -= 1;
        await send(side.url, shot);
      }
    }),
  );
  return {
    perSecond: (count * 1000) / (performance.now() - startedAt),
    cpuMs: (side.process.cpuMs() - cpuBefore) / count,
  };
}

async function compare(
  name: string,
  sides: readonly [Side, Side],
  shot: Shot,
  count: number,
): Promise<Measurement[]> {
  const seen: Array<readonly [Awaited<ReturnType<typeof load>>, Awaited<ReturnType<typeof load>>]> = [];
  for (let round = -1; round < ROUNDS; round += 1) {
    const pair = [await load(sides[0], shot, count), await load(sides[1], shot, count)] as const;
    if (round >= 0) seen.push(pair);
  }
  const row = (metric: string, of: 'perSecond' | 'cpuMs', unit: string, aim: string): Measurement => ({
    metric,
    ours: median(seen.map(([ours]) => ours[of])),
    peer: median(seen.map(([, peer]) => peer[of])),
    ratio: median(seen.map(([ours, peer]) => ours[of] / peer[of])),
    unit,
    aim,
  });
  return [
    row(name, 'perSecond', 'requests/s', 'ratio ≥ 0.7'),
    row(`${name}, processor time of the server`, 'cpuMs', 'ms', ''),
  ];
}

/** One investigated incident with a plan, in a database that both sides then get a copy of. */
async function prepare(home: string): Promise<{ planId: string; incidentId: string; installation: string }> {
  const playbooks = join(home, 'playbooks');
  await cp(
    join(import.meta.dirname, '..', '..', 'playbooks', 'revert-bad-commit.yaml'),
    join(playbooks, 'revert-bad-commit.yaml'),
  );
  await writeFile(join(playbooks, 'look-at-service.yaml'), PLAYBOOK);
  const fleet = await startFleet(1, playbooks);
  try {
    const { carapulse } = fleet;
    const [service = ''] = fleet.services;
    const signal = AbortSignal.timeout(30_000);
    await send(carapulse.url, {
      method: 'POST',
      path: '/v1/hooks/alertmanager',
      body: JSON.stringify(fleet.alert(service)),
      token: await carapulse.token('alertmanager'),
    });
    const alice = carapulse.as('alice');
    for (;;) {
      const { body } = await alice.call('listPlans', { query: { limit: 1 }, signal });
      const [plan] = body.items;
      const incidentId = plan?.incident_id;
      if (plan !== undefined && typeof incidentId === 'string') {
        await carapulse.stop();
        const installation = join(home, 'installation');
        await cp(fleet.directory, installation, { recursive: true });
        await cp(join(fleet.home, 'carapulse.yaml'), join(home, 'carapulse.yaml'));
        await chmod(installation, 0o711);
        return { planId: plan.plan_id, incidentId, installation };
      }
      await sleep(50, undefined, { signal });
    }
  } finally {
    await fleet.stop();
  }
}

async function run(): Promise<readonly Measurement[]> {
  const home = await mkdtemp(join(tmpdir(), 'carapulse-bench-gateway-'));
  const stops: Array<() => Promise<void>> = [];
  try {
    await chmod(home, 0o711);
    const { planId, incidentId, installation } = await prepare(home);
    const database = join(home, 'bare-database');
    await cp(join(installation, 'database'), database, { recursive: true });
    const ours = await startCarapulse(installation, join(home, 'carapulse.yaml'));
    stops.push(() => ours.stop());
    const token = await ours.token('alice');
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iss: string;
    };
    const options: BareGatewayOptions = {
      database,
      issuerKey: join(installation, 'keys', 'issuer.pem'),
      issuer: claims.iss,
      planId,
    };
    const bare = await startMeasured(PEER, [JSON.stringify(options)], join(home, 'bare.log'));
    stops.push(() => bare.stop());
    const sides = [
      { process: ours, url: ours.url },
      { process: bare, url: (bare.message as { readonly url: string }).url },
    ] as const;
    const body = JSON.stringify({ playbook: 'look-at-service', incident_id: incidentId });
    return [
      ...(await compare('GET a plan', sides, { method: 'GET', path: `/v1/plans/${planId}`, token }, GETS)),
      ...(await compare(
        'POST a plan (planned, judged, hashed, audited)',
        sides,
        { method: 'POST', path: '/v1/plans', body, token },
        POSTS,
      )),
    ];
  } finally {
    for (const stop of stops.toReversed()) await stop();
    agent.destroy();
    await rm(home, { recursive: true, force: true });
  }
}

export const bench = {
  name: 'gateway',
  peer: 'bare Fastify with the same token verifier and the same SQL, without what makes a plan a plan',
  rounds: 1,
  run,
};
