import { fileURLToPath } from 'node:url';

const chart = (name: string) => fileURLToPath(new URL(`../charts/${name}`, import.meta.url));

/** Paths of the Helm charts that come with the test bed. */
export const CHARTS = {
  /** Deployment with probes, Service, ConfigMap, a schema for its values. */
  shop: chart('shop'),
  /** Its upgrade runs a Job first, which a rollback doesn't undo. */
  shopHook: chart('shop-hook'),
  /** Brings a kind of its own, which Helm never upgrades or removes. */
  shopCrd: chart('shop-crd'),
} as const;
