import { once } from 'node:events';
import { chmod, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Listens on a unix socket that this user alone can connect to. The file of a process that was killed is replaced;
 * one that somebody listens on, or that is no socket, stays.
 * @throws Error `EADDRINUSE` when the place is taken.
 */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<void> {
  if (await isAbandoned(path)) await rm(path, { force: true });
  await app.listen({ path });
  await chmod(path, 0o600);
}

async function isAbandoned(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null || !found.isSocket()) return false;
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
