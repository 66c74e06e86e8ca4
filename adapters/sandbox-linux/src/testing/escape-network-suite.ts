import { spawn } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import type { CommandSpec, EgressRule } from '@carapulse/tools';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eachCage } from './each-cage.ts';
import { type OpenLab } from './lab.ts';

/** One suite of the sandbox's port, in each backend of a lab. */
export async function escapeNetwork(open: OpenLab): Promise<void> {
  const names: Record<string, string[]> = {};
  const lookups: string[] = [];
  const lab = await open({
    resolve: async (host) => {
      lookups.push(host);
      return await Promise.resolve(names[host] ?? []);
    },
  });
  const heard: string[] = [];
  let web: Server;
  let tcp: TcpServer;
  let udp: UdpSocket;
  let local: TcpServer;
  let abstract: TcpServer;
  const socketPath = join(lab.outside, 'docker.sock');
  const abstractName = `carapulse-test-${process.pid}`;

  const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

  function listener(what: string): TcpServer {
    return createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => heard.push(what));
    });
  }

  beforeAll(async () => {
    web = createServer((request, response) => {
      heard.push(`web ${request.headers.host ?? ''}`);
      response.end('reached the web server');
    });
    tcp = listener('tcp');
    local = listener('unix');
    abstract = listener('abstract');
    udp = createSocket('udp4', () => heard.push('udp'));
    web.listen(0, '127.0.0.1');
    tcp.listen(0, '127.0.0.1');
    local.listen(socketPath);
    abstract.listen(`\0${abstractName}`);
    udp.bind(0, '127.0.0.1');
    await Promise.all([web, tcp, local, abstract, udp].map((server) => once(server, 'listening')));
  });

  afterAll(() => {
    for (const server of [web, tcp, local, abstract, udp]) server.close();
    lab.close();
  });

  beforeEach(() => {
    heard.length = 0;
    lookups.length = 0;
  });

  const rule = (host: string, port: number, addresses: EgressRule['addresses']): EgressRule => ({
    host,
    port,
    addresses,
  });
  const fetchOf = (url: string): readonly [string, ...string[]] => [lab.launcher, 'attempt', 'fetch', url];
  const withRules = (...egress: EgressRule[]): Partial<CommandSpec> => ({ egress });

  eachCage(lab, { kernels: true }, (cage) => {
    it.each([
      ['tcp', (): string => `127.0.0.1:${portOf(tcp)}`],
      ['udp', (): string => `127.0.0.1:${portOf(udp)}`],
      ['unix-socket', (): string => socketPath],
      ['unix-socket', (): string => `@${abstractName}`],
    ])('reaches nothing of this machine by %s', async (name, address) => {
      expect((await lab.free(name, address())).text).toBe(`${name}: escaped\n`);
      heard.length = 0;
      expect((await lab.caged(cage, [name, address()])).text).toMatch(new RegExp(`^${name}: held: `));
      const allowed = withRules(rule('127.0.0.1', portOf(web), 'private'));
      expect((await lab.caged(cage, [name, address()], allowed)).text).toMatch(
        new RegExp(`^${name}: held: `),
      );
      expect(heard).toEqual([]);
    });

    it('sends no datagram to a unix socket of this machine', async () => {
      const path = join(lab.outside, 'datagrams');
      rmSync(path, { force: true });
      const receiver = spawn(lab.launcher, ['attempt', 'receive', path], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await once(receiver.stdout, 'data');
      const gone = once(receiver, 'exit');
      expect((await lab.caged(cage, ['datagram-pair', path])).text).toMatch(/^datagram-pair: held: /);
      expect(receiver.exitCode).toBeNull();
      expect((await lab.free('datagram-pair', path)).escaped).toBe(true);
      await gone;
    });

    it('gets neither raw sockets nor, without egress, a port to listen on', async () => {
      expect((await lab.free('netlink')).escaped).toBe(true);
      expect((await lab.free('listen')).escaped).toBe(true);
      for (const name of ['netlink', 'packet', 'listen']) {
        expect((await lab.caged(cage, [name])).text).toMatch(new RegExp(`^${name}: held: `));
      }
    });

    it('does not reach the metadata address, directly or through the proxy', async () => {
      const direct = await lab.caged(cage, ['tcp', '169.254.169.254:80']);
      expect(direct.text).toMatch(/held: .*(not supported|not permitted|permission denied)/);
      names['metadata.example'] = ['169.254.169.254'];
      for (const host of ['metadata.example', '169.254.169.254', '[::ffff:169.254.169.254]']) {
        const result = await lab.run(cage, fetchOf(`http://${host}/`), withRules(rule(host, 80, 'public')));
        expect(result.stdout).toMatch(/^403 .*a metadata address, which its egress rule does not allow/s);
      }
      const asPrivate = withRules(rule('metadata.example', 80, 'private'));
      expect((await lab.run(cage, fetchOf('http://metadata.example/'), asPrivate)).stdout).toMatch(/^403 /);
    });

    it('reaches what a rule names, by plain HTTP and by CONNECT', async () => {
      names['web.example'] = ['127.0.0.1'];
      const port = portOf(web);
      const allowed = withRules(rule('web.example', port, 'private'));
      const plain = await lab.run(cage, fetchOf(`http://web.example:${port}/`), allowed);
      expect(plain.stdout).toBe('200 reached the web server\n');
      const tunnel = await lab.run(cage, [lab.launcher, 'attempt', 'tunnel', `web.example:${port}`], allowed);
      expect(tunnel.stdout).toMatch(/^200 .*reached the web server/s);
      expect(heard).toEqual([`web web.example:${port}`, `web web.example:${port}`]);
    });

    it('does not reach a private address by a name that a rule takes for public', async () => {
      const port = portOf(web);
      for (const [host, address] of [
        ['inner.example', '127.0.0.1'],
        ['mapped.example', '::ffff:127.0.0.1'],
        ['nat64.example', '64:ff9b::7f00:1'],
        ['any.example', '0.0.0.0'],
      ] as const) {
        names[host] = [address];
        const url = `http://${host}:${port}/`;
        expect((await lab.run(cage, fetchOf(url), withRules(rule(host, port, 'public')))).stdout).toMatch(
          /^403 /,
        );
      }
      names['mixed.example'] = ['93.184.215.14', '127.0.0.1'];
      const mixed = withRules(rule('mixed.example', port, 'public'));
      expect((await lab.run(cage, fetchOf(`http://mixed.example:${port}/`), mixed)).stdout).toMatch(/^403 /);
      expect(heard).toEqual([]);
      names['inner.example'] = ['127.0.0.1'];
      const open = withRules(rule('inner.example', port, 'private'));
      expect((await lab.run(cage, fetchOf(`http://inner.example:${port}/`), open)).stdout).toMatch(/^200 /);
    });

    it('reaches no port and no name beside its rules', async () => {
      names['web.example'] = ['127.0.0.1'];
      const allowed = withRules(rule('web.example', portOf(web), 'private'));
      for (const url of [`http://web.example:${portOf(tcp)}/`, `http://127.0.0.1:${portOf(web)}/`]) {
        expect((await lab.run(cage, fetchOf(url), allowed)).stdout).toMatch(
          /^403 .*not among the destinations/s,
        );
      }
      expect(heard).toEqual([]);
    });

    it('resolves a name once and connects to what was checked', async () => {
      names['once.example'] = ['127.0.0.1'];
      const port = portOf(web);
      const result = await lab.run(
        cage,
        fetchOf(`http://once.example:${port}/`),
        withRules(rule('once.example', port, 'private')),
      );
      expect(result.stdout).toBe('200 reached the web server\n');
      expect(lookups).toEqual(['once.example']);
    });
  });
}
