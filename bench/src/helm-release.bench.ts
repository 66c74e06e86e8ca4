import { join } from 'node:path';
import { endAssistants } from '@carapulse/e2e/assistant';
import { startHelmAssistant } from '@carapulse/e2e/helm-assistant';
import { HelmWorld } from '@carapulse/e2e/helm-world';
import { approve, endOf } from '@carapulse/e2e/world';
import { missingOf, TESTBED_SERVERS } from '@carapulse/example-testbed';
import { AppError } from '@carapulse/kernel';
import { compared, median, type Measurement } from './measurement.ts';

const ROUNDS = 5;

/** A whole release, approved and verified, beside what a person would type, on the same cluster and chart. */
export const bench = {
  name: 'helm-release',
  peer: '`helm upgrade --wait --atomic` of the same chart on the same API server',
  rounds: 1,
  async run(): Promise<readonly Measurement[]> {
    const server = TESTBED_SERVERS['cluster'];
    const missing = server === undefined ? ['a cluster'] : await missingOf(server);
    if (missing.length > 0) throw new AppError('unavailable', missing.join('; '));
    const world = await HelmWorld.start();
    try {
      const { kubernetes } = world;
      const assistant = await startHelmAssistant(world);
      for (const release of ['ours', 'theirs']) {
        await world.install(release, 'shop', { image: { tag: '1.0.0' } });
        await kubernetes.rolledOut('shop', release);
      }
      const planned: number[] = [];
      const run: number[] = [];
      const peer: number[] = [];
      for (let round = 1; round <= ROUNDS; round += 1) {
        const begun = performance.now();
        const { body: plan } = await assistant.as('alice').call('startWorkflow', {
          params: { name: 'helm-release' },
          body: {
            reason: 'a new version',
            input: {
              cluster: 'main',
              namespace: 'shop',
              release: 'ours',
              chart: 'shop',
              version: '0.1.0',
              set: { image: { tag: `1.0.${round}` } },
            },
          },
        });
        planned.push(performance.now() - begun);
        const approvedAt = performance.now();
        const first = await approve(assistant, plan, 'bob');
        const { execution_id } =
          first.execution_id === null ? await approve(assistant, plan, 'carol') : first;
        const { execution } = await endOf(assistant, execution_id ?? '');
        if (execution.status !== 'succeeded') throw new Error(`The run is ${execution.status}.`);
        run.push((performance.now() - approvedAt) / 1000);
        const askedAt = performance.now();
        await kubernetes.adminHelm([
          'upgrade',
          '--namespace=shop',
          '--wait',
          '--atomic',
          `--set-string=image.tag=1.0.${round}`,
          'theirs',
          join(world.charts, 'shop'),
        ]);
        peer.push((performance.now() - askedAt) / 1000);
      }
      return [
        compared(`approval to verified end, median of ${ROUNDS}`, median(run), median(peer), 's', ''),
        {
          metric: 'plan with rendered diff and dry run',
          ours: median(planned),
          peer: null,
          ratio: null,
          unit: 'ms',
          aim: '',
        },
      ];
    } finally {
      await endAssistants();
      await world.stop();
    }
  },
};
