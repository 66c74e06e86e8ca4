// The peer of `carapulse up`: the same database engine and HTTP server, opened bare by a process that does nothing else.
import { PGlite } from '@electric-sql/pglite';
import Fastify from 'fastify';

const database = await PGlite.create({ dataDir: process.argv[2] ?? '' });
const app = Fastify();
app.get('/healthz', async () => (await database.query('SELECT 1 AS one')).rows[0]);
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ kind: 'ready' });
process.once('SIGTERM', () => {
  void Promise.all([app.close(), database.close()]).then(() => process.disconnect());
});
