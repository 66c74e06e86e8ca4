import { fileURLToPath } from 'node:url';
import type { SharedWorkbench } from '@carapulse/workflows/testing/several';
import { forkSharedProcess, openTcpPath } from '@carapulse/workflows/testing/several';

const CHILD = fileURLToPath(new URL('./shared-child.ts', import.meta.url));

/** Processes of the suite on databases of a server. */
export function sharedWorkbench(place: () => Promise<string>): SharedWorkbench {
  return {
    place,
    async spawn(where, order, target) {
      const url = new URL(where);
      const path = await openTcpPath({ host: url.hostname, port: Number(url.port) });
      url.port = String(path.port);
      return forkSharedProcess({ file: CHILD, args: [url.href], path }, order, target);
    },
  };
}
