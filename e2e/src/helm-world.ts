import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHARTS } from '@carapulse/example-testbed';
import type { JsonObject } from '@carapulse/kernel';
import type { TransportKind } from '@carapulse/tools';
import { KubernetesWorld } from './kubernetes-world.ts';
import type { CallOptions } from './kubernetes-world.ts';

/** What Helm needs to write releases whose charts hold these kinds. */
const ACCOUNTS = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: carapulse-helm}
rules:
  - apiGroups: [""]
    resources: [secrets, configmaps, services]
    verbs: [get, list, create, update, patch, delete]
  - apiGroups: [apps]
    resources: [deployments]
    verbs: [get, list, create, update, patch, delete]
  - apiGroups: [batch]
    resources: [jobs]
    verbs: [get, list, watch, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: carapulse-helm}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: carapulse-helm}
subjects: [{kind: ServiceAccount, name: writer, namespace: carapulse}]
`;

/** A real cluster with the charts of the test bed, and the tool `helm` on it. */
export class HelmWorld {
  readonly kubernetes: KubernetesWorld;
  readonly charts: string;

  private constructor(kubernetes: KubernetesWorld, charts: string) {
    this.kubernetes = kubernetes;
    this.charts = charts;
  }

  static async start(): Promise<HelmWorld> {
    const kubernetes = await KubernetesWorld.start();
    const charts = join(kubernetes.root, 'charts');
    mkdirSync(charts);
    cpSync(dirname(CHARTS.shop), charts, { recursive: true });
    await kubernetes.admin('apply -f -', ACCOUNTS);
    await kubernetes.admin('create namespace shop');
    return new HelmWorld(kubernetes, charts);
  }

  async stop(): Promise<void> {
    await this.kubernetes.stop();
  }

  /** `connectors.helm` without its clusters; `more` charts are folders of `charts`. */
  get settings(): JsonObject {
    const names = ['shop', 'shop-hook', 'shop-crd', 'shop-secret', 'shop-random'];
    return {
      chart_root: this.charts,
      charts: Object.fromEntries(names.map((name) => [name, { kind: 'directory', path: name }])),
    };
  }

  async install(release: string, chart: string, values: JsonObject = {}): Promise<void> {
    await this.admin('install', release, chart, values);
  }

  /** helm as somebody else runs it. */
  async admin(
    verb: 'install' | 'upgrade',
    release: string,
    chart: string,
    values: JsonObject,
    signal?: AbortSignal,
  ): Promise<void> {
    const file = join(this.kubernetes.root, `values-${release}.json`);
    writeFileSync(file, JSON.stringify(values));
    const args = [verb, '--namespace=shop', `--values=${file}`, release, join(this.charts, chart)];
    await this.kubernetes.adminHelm(args, signal);
  }

  async call(
    action: string,
    input: JsonObject,
    over: Omit<CallOptions, 'tool'> & { readonly by?: TransportKind; readonly settings?: JsonObject } = {},
  ): Promise<JsonObject> {
    const { by = 'cli', settings = this.settings, ...rest } = over;
    const tool = { name: 'helm', settings };
    return await this.kubernetes.call(by, action, { namespace: 'shop', ...input }, { ...rest, tool });
  }

  async observe(action: string, input: JsonObject, key?: string): Promise<string | undefined> {
    const tool = { name: 'helm', settings: this.settings };
    return await this.kubernetes.observe(action, { namespace: 'shop', ...input }, key, tool);
  }

  /** Revision and status as helm itself tells them, latest last. */
  async history(release: string): Promise<readonly (readonly [number, string])[]> {
    const text = await this.kubernetes.adminHelm(['history', '--namespace=shop', '--output=json', release]);
    return (JSON.parse(text) as { revision: number; status: string }[]).map(
      ({ revision, status }) => [revision, status] as const,
    );
  }
}
