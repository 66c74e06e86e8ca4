import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  giveAccess,
  missingOf,
  startCluster,
  TESTBED_SERVERS,
  type Cluster,
} from '@carapulse/example-testbed';
import type { JsonObject } from '@carapulse/kernel';
import { LinuxSandbox, openEgressHttp } from '@carapulse/sandbox-linux';
import {
  createToolRegistry,
  TOOLS,
  type RegisteredAction,
  type ToolRuntime,
  type TransportKind,
} from '@carapulse/tools';
import { makeScratch } from './make-scratch.ts';
import { noDocuments } from './no-documents.ts';

const LIMITS = { wallMs: 60_000, memoryBytes: 2 ** 30, pids: 200, outputBytes: 16_000_000 };

/** Does as the account that reads. */
export const AS_READER = '--as=system:serviceaccount:carapulse:reader';

/** Why there is no cluster here; empty when there is one. @throws Error in CI, where there must be. */
export async function missingForCluster(): Promise<readonly string[]> {
  const server = TESTBED_SERVERS['cluster'];
  if (server === undefined) throw new Error('The test bed has no cluster');
  const missing = await missingOf(server);
  if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(missing.join('\n'));
  return missing;
}

/** How a call differs from one of `kubectl`. */
export interface CallOptions {
  readonly section?: JsonObject;
  readonly key?: string;
  /** Another tool than kubectl, with its settings beside `clusters`. */
  readonly tool?: { readonly name: string; readonly settings: JsonObject };
  /** Ends, with its process tree, a command that it says yes to, when it resolves. */
  readonly ends?: (argv: readonly string[]) => Promise<void> | null;
}

/** A real cluster, and tools on it by either transport: their program in the real sandbox, or HTTPS. */
export class KubernetesWorld {
  /** A directory that commands may be let read. */
  readonly root: string;
  readonly #cluster: Cluster;
  readonly #sandbox: LinuxSandbox;
  readonly #bin: string;
  /** Settings of the cluster `main`. */
  readonly section: JsonObject;
  /** Everything that commands and requests gave back, to look for credentials in. */
  readonly outputs: string[] = [];

  /** The standing token of the settings. */
  readonly token: string;

  private constructor(
    root: string,
    cluster: Cluster,
    sandbox: LinuxSandbox,
    section: JsonObject,
    token: string,
  ) {
    this.token = token;
    this.root = root;
    this.#cluster = cluster;
    this.#sandbox = sandbox;
    this.#bin = join(root, 'bin');
    this.section = section;
  }

  static async start(): Promise<KubernetesWorld> {
    const root = mkdtempSync(join(tmpdir(), 'carapulse-kubernetes-'));
    chmodSync(root, 0o755);
    mkdirSync(join(root, 'cluster'));
    const signal = AbortSignal.timeout(100_000);
    const cluster = await startCluster({ directory: join(root, 'cluster'), signal });
    // Commands may not read what lies in somebody's home.
    const bin = join(root, 'bin');
    mkdirSync(bin);
    copyFileSync(cluster.kubectl, join(bin, 'kubectl'));
    copyFileSync(cluster.helm, join(bin, 'helm'));
    const sandbox = await LinuxSandbox.open(
      { cacheDir: join(root, 'cache'), programDirs: [bin, '/usr/bin', '/bin'] },
      signal,
    );
    const access = await giveAccess(cluster);
    const world = new KubernetesWorld(root, cluster, sandbox, { ...access }, access.token);
    await world.#untilReaderIsHeld();
    return world;
  }

  /** The API server learns of a new admission policy a moment later. */
  async #untilReaderIsHeld(): Promise<void> {
    const written = (): Promise<boolean> =>
      this.admin(`-n carapulse ${AS_READER} patch configmap kube-root-ca.crt -p {"data":{"probe":"1"}}`).then(
        () => true,
        () => false,
      );
    await this.admin('-n carapulse wait configmap/kube-root-ca.crt --for=create --timeout=60s');
    while (await written());
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
    await this.#sandbox.close();
    rmSync(this.root, { recursive: true, force: true });
  }

  get nodes(): readonly string[] {
    return this.#cluster.nodes;
  }

  /** kubectl with full rights; the words of one line, or a list where a word has blanks. */
  async admin(line: string | readonly string[], stdin = ''): Promise<string> {
    const args = typeof line === 'string' ? line.split(' ') : line;
    const env = { PATH: '/usr/bin:/bin', HOME: this.root, KUBECONFIG: this.#cluster.kubeconfig };
    const running = promisify(execFile)(this.#cluster.kubectl, [...args], { env, maxBuffer: 1e8 });
    running.child.stdin?.end(stdin);
    return (await running).stdout;
  }

  /** helm with full rights; killed when the signal says so. */
  async adminHelm(args: readonly string[], signal?: AbortSignal): Promise<string> {
    const env = { PATH: '/usr/bin:/bin', HOME: this.root, KUBECONFIG: this.#cluster.kubeconfig };
    const running = promisify(execFile)(this.#cluster.helm, [...args], { env, maxBuffer: 1e8 });
    signal?.addEventListener('abort', () => running.child.kill('SIGKILL'));
    return (await running).stdout;
  }

  async object(...args: readonly string[]): Promise<JsonObject> {
    return JSON.parse(
      await this.admin(['get', ...args, '-o', 'json', '--show-managed-fields']),
    ) as JsonObject;
  }

  async uidOf(...args: readonly string[]): Promise<string> {
    return await this.admin(['get', ...args, '-o', 'jsonpath={.metadata.uid}']);
  }

  /** Waits until a Deployment's rollout is complete. */
  async rolledOut(namespace: string, name: string): Promise<void> {
    await this.admin(`-n ${namespace} rollout status deployment/${name} --timeout=60s`);
  }

  /** Waits until no pod of the namespace is leaving and each of its Deployments has all it asks for. */
  async settled(namespace: string): Promise<void> {
    const words = async (path: string): Promise<readonly string[]> =>
      (await this.admin(`-n ${namespace} get ${path}`)).split(' ').filter((word) => word !== '');
    const leaving = () => words('pods -o jsonpath={.items[*].metadata.deletionTimestamp}');
    while ((await leaving()).length > 0);
    for (const name of await words('deployments -o jsonpath={.items[*].metadata.name}')) {
      await this.rolledOut(namespace, name);
    }
  }

  /** Runs one action by one transport; the output is parsed with its schema. */
  async call(
    by: TransportKind,
    action: string,
    input: JsonObject,
    over: CallOptions = {},
  ): Promise<JsonObject> {
    const { registered, parsed } = this.#find(action, input, over);
    const transport = registered.action.transports.find(({ kind }) => kind === by);
    if (transport === undefined) throw new Error(`${action} has no ${by}`);
    return await this.#within(registered, over, async (runtime) => {
      const output = registered.action.output.parse(await transport.run(parsed, runtime));
      return JSON.parse(JSON.stringify(output)) as JsonObject;
    });
  }

  async observe(
    action: string,
    input: JsonObject,
    key?: string,
    tool?: CallOptions['tool'],
  ): Promise<string | undefined> {
    const over = { ...(key === undefined ? {} : { key }), ...(tool === undefined ? {} : { tool }) };
    const { registered, parsed } = this.#find(action, input, over);
    return await this.#within(registered, over, (runtime) => registered.action.observe?.(parsed, runtime));
  }

  #find(action: string, input: JsonObject, { section = this.section, tool }: CallOptions) {
    const { name, settings } = tool ?? { name: 'kubectl', settings: {} };
    const registered = createToolRegistry(TOOLS, {
      [name]: { clusters: { main: section }, ...settings },
    }).find(name, action);
    return { registered, parsed: registered.action.input.parse({ cluster: 'main', ...input }) };
  }

  async #within<T>(
    { settings, scratch: directories }: RegisteredAction,
    { key = 'execution/step/forward', ends }: CallOptions,
    work: (runtime: ToolRuntime<unknown>) => Promise<T> | undefined,
  ): Promise<T> {
    const scratch = makeScratch(this.root, directories, this.#sandbox.runAs);
    const signal = AbortSignal.timeout(60_000);
    const egress = openEgressHttp();
    const http: ToolRuntime<unknown>['http'] = (request) =>
      egress.request(
        { ...request, timeoutMs: 30_000, maxResponseBytes: LIMITS.outputBytes, maxRedirects: 0 },
        signal,
      );
    const exec: ToolRuntime<unknown>['exec'] = async (command) => {
      const { shown: _, ...rest } = command;
      const mounts = [...command.mounts, { path: this.#bin, mode: 'ro' as const }];
      const spec = { ...rest, mounts, env: command.env ?? {}, limits: LIMITS };
      this.outputs.push(command.argv.join(' '));
      const ending = ends?.(command.argv) ?? null;
      const end = new AbortController();
      void ending?.then(() => end.abort());
      const result = await this.#sandbox.run(spec, { signal: AbortSignal.any([signal, end.signal]) });
      this.outputs.push(result.stderr);
      return result;
    };
    try {
      return (await work({
        settings,
        scratch,
        cache: scratch,
        documents: noDocuments,
        idempotencyKey: key,
        signal,
        exec,
        http,
      })) as T;
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
}
