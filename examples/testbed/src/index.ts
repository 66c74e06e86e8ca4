export { findBuilt } from './find-binaries.ts';
export { startArgocd, type Argocd, type ArgocdOptions } from './start-argocd.ts';
export { CHARTS } from './charts.ts';
export { startCluster, type Cluster } from './start-cluster.ts';
export { startGitServer, type GitServer } from './start-git-server.ts';
export { startTemporal, type ServerOptions, type Temporal } from './start-temporal.ts';
export { missingOf, TESTBED_SERVERS } from './testbed-servers.ts';
export { giveAccess, type ClusterAccess } from './cluster-accounts.ts';
export { startPlayground, type Playground } from './start-playground.ts';
