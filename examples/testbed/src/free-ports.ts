import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Different ports of 127.0.0.1 that nothing listened on a moment ago, chosen by the system. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(held.map((server) => once(server, 'listening')));
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => once(server.close(), 'close')));
  return ports;
}
