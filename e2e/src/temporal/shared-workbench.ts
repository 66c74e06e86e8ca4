import { fileURLToPath } from 'node:url';
import type { SharedWorkbench } from '@carapulse/workflows/testing/several';
import { forkSharedProcess, openTcpPath } from '@carapulse/workflows/testing/several';

const CHILD = fileURLToPath(new URL('./shared-child.ts', import.meta.url));

const NO_CLOCK = 'no clock of a process decides who has a run: the server alone counts heartbeats';

/** Processes of the suite on namespaces of a Temporal server; a place is `address namespace`. */
export function sharedWorkbench(place: () => Promise<string>, bundles: () => string): SharedWorkbench {
  return {
    place,
    taker: 'whoever asks for work',
    leftOut: {
      'a clock that is ahead takes nothing over early, and loses nothing early': NO_CLOCK,
      'a clock that is behind takes nothing over early, and loses nothing early': NO_CLOCK,
      'leaves runs of another version to whoever has it, and says once that nobody has':
        'a queue does not tell who works on it; the test of versions side by side is in the file of Temporal',
    },
    async spawn(where, order, target) {
      const [address = '', namespace = ''] = where.split(' ');
      const [host = '', port = ''] = address.split(':');
      const path = await openTcpPath({ host, port: Number(port) });
      const args = [`127.0.0.1:${path.port} ${namespace}`, bundles()];
      return forkSharedProcess({ file: CHILD, args, path }, order, target);
    },
  };
}
