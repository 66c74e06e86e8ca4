import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { KubernetesWorld } from '@carapulse/e2e/kubernetes-world';
import { AppError, type JsonObject } from '@carapulse/kernel';
import { compared, median, type Measurement } from './measurement.ts';

const ROUNDS = 9;
const WEB = { namespace: 'shop', kind: 'deployment', name: 'web' };
const READS: readonly (readonly [string, JsonObject])[] = [
  ['get', { namespace: 'shop', kind: 'pod', selector: 'app=web' }],
  ['rollout_status', WEB],
  ['describe', WEB],
  ['scale_preview', { ...WEB, replicas: 4 }],
];

/** What a call costs whole: command or requests, sandbox, parsing. Without policy, journal and audit. */
export const bench = {
  name: 'kubectl without its program',
  peer: 'the same action by kubectl in the sandbox, against the same API server',
  async run(): Promise<readonly Measurement[]> {
    const server = TESTBED_SERVERS['cluster'];
    const missing = server === undefined ? ['a cluster'] : await missingOf(server);
    if (missing.length > 0) throw new AppError('unavailable', missing.join('; '));
    const world = await KubernetesWorld.start();
    try {
      await world.admin('create namespace shop');
      await world.admin('-n shop create deployment web --image=example.com/web:1 --replicas=3');
      await world.rolledOut('shop', 'web');
      const rows: Measurement[] = [];
      for (const [action, input] of READS) {
        const taken = { http: [] as number[], cli: [] as number[] };
        for (let round = -1; round < ROUNDS; round += 1) {
          for (const by of ['http', 'cli'] as const) {
            const begun = performance.now();
            await world.call(by, action, input);
            if (round >= 0) taken[by].push(performance.now() - begun);
          }
        }
        rows.push(
          compared(
            `${action}, by HTTP, median of ${ROUNDS}`,
            median(taken.http),
            median(taken.cli),
            'ms',
            '≤ 1×',
          ),
        );
      }
      return rows;
    } finally {
      await world.stop();
    }
  },
};
