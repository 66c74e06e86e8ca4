import { expect, test } from 'vitest';
import { connectorsSchema } from './connectors-schema.ts';
import { TOOLS } from './tools/tool-list.ts';

const faults = (connectors: object) =>
  connectorsSchema(TOOLS)
    .safeParse(connectors)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

test('every fault of every section is told at its place', () => {
  expect(
    faults({
      git: { repositories: { shop: { url: '/srv/shop', brances: ['main'] } } },
      gitt: {},
      http: { endpoints: 3 },
    }),
  ).toEqual([
    expect.stringMatching(/^git\.repositories\.shop\.default_branch: /),
    expect.stringMatching(/^git\.repositories\.shop\.branches: /),
    expect.stringMatching(/^git\.repositories\.shop: .*brances/),
    expect.stringMatching(/^gitt: is no tool; there are: .*\bgit\b/),
    expect.stringMatching(/^http\.endpoints: /),
  ]);
});

test('what a reference to a secret stands for is not judged, and nothing that is written is changed', () => {
  const cluster = {
    server: 'https://127.0.0.1:6443',
    uid: 'b5b6f5ac-43c0-4a4e-9ae4-3b34f2a6f4d0',
    ca: 'file:/etc/carapulse/ca.pem',
    egress: 'private',
    namespaces: ['shop'],
    token: 'env:TOKEN',
  };
  const connectors = { kubectl: { clusters: { main: cluster } } };
  expect(faults(connectors)).toEqual([]);
  expect(connectorsSchema(TOOLS).parse(connectors)).toEqual(connectors);
  expect(faults({ kubectl: { clusters: { main: { ...cluster, ca: 'no certificate' } } } })).toEqual([
    expect.stringMatching(/^kubectl\.clusters\.main\.ca: /),
  ]);
});
