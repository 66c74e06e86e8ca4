import { join } from 'node:path';
import { openWorld } from '@carapulse/e2e/world';
import { measureFirstEffect } from './first-effect.ts';

export const bench = {
  name: 'first effect and recovery',
  peer: 'a bare DBOS workflow that pushes both commits with plain git: no policy, preconditions, sandbox or checks',
  rounds: 1,
  run: async () =>
    measureFirstEffect(await openWorld(), {
      script: join(import.meta.dirname, 'push-on-dbos-process.ts'),
      args: (directory) => [join(directory, 'database')],
    }),
};
