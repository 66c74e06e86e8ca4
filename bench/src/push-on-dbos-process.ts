// The peer of a repair's run: a bare DBOS workflow on PGlite that pushes one prepared commit after the other, as plain
// git does, and takes up after a crash what it had not ended: push-on-dbos-process.ts <directory> <clone…>
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openDatabase } from '@carapulse/store-postgres';
import { DBOS } from '@dbos-inc/dbos-sdk';

const [directory = '', ...clones] = process.argv.slice(2);
const database = await openDatabase({ kind: 'pglite', directory });
const pushAll = DBOS.registerWorkflow(
  async () => {
    for (const clone of clones) {
      const args = ['-C', clone, 'push', '--quiet', 'origin', 'HEAD:main'];
      await DBOS.runStep(async () => void (await promisify(execFile)('git', args)), { name: clone });
    }
  },
  { name: 'bench.push' },
);
DBOS.setConfig({ name: 'bench', systemDatabasePool: database.pool, runAdminServer: false });
await DBOS.launch();
process.on('message', () => void DBOS.startWorkflow(pushAll, { workflowID: 'push' })());
process.once('SIGTERM', () => process.exit(0));
process.send?.({ kind: 'ready' });
