// The peer of a repair's run on Temporal: a workflow of the bare SDK that pushes one prepared commit after the other, as
// plain git does: push-on-temporal-process.ts <address> <workflow id> <bundle> <clone…>
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { heartbeat } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';

const HEARTBEAT_MS = 2000;
const [address = '', workflowId = '', codePath = '', ...clones] = process.argv.slice(2);
const client = new Client({ connection: await Connection.connect({ address }) });
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: workflowId,
  workflowBundle: { codePath },
  activities: {
    push: async (clone: string) => {
      const beat = setInterval(heartbeat, HEARTBEAT_MS);
      try {
        await promisify(execFile)('git', ['-C', clone, 'push', '--quiet', 'origin', 'HEAD:main']);
      } finally {
        clearInterval(beat);
      }
    },
  },
});
void worker.run();
process.on(
  'message',
  () => void client.workflow.start('barePushes', { workflowId, taskQueue: workflowId, args: [clones] }),
);
process.once('SIGTERM', () => process.exit(0));
process.send?.({ kind: 'ready' });
