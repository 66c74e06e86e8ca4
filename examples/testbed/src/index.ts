export { startCluster, type Cluster } from './start-cluster.ts';
export { startTemporal, type ServerOptions, type Temporal } from './start-temporal.ts';
export { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';
