import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { JsonObject } from '@carapulse/kernel';
import { LinuxSandbox, openEgressHttp } from '@carapulse/sandbox-linux';
import {
  createToolRegistry,
  TOOLS,
  type Observation,
  type RegisteredAction,
  type ToolRuntime,
  type TransportKind,
} from '@carapulse/tools';
import { makeScratch } from './make-scratch.ts';
import { noDocuments } from './no-documents.ts';

const LIMITS = { memoryBytes: 2 ** 30, pids: 200, outputBytes: 16_000_000 };

/** The name under which commands and requests find this machine: a proxy is not asked for a loopback address. */
export const FORGE_HOST = 'forge.example';

/** Where a program is; null when it isn't installed. */
export function onPath(program: string): string | null {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, program));
  return found.find((path) => existsSync(path)) ?? null;
}

/** One action of a tool by one transport: what a test calls, and how a call goes wrong. */
export interface Call {
  readonly tool: string;
  readonly section: JsonObject;
  readonly action: string;
  readonly input: JsonObject;
  readonly timeoutMs?: number;
  /** Of the step. */
  readonly key?: string;
}

/** Runs actions of the tools on real servers: requests through the egress port, a program in the real sandbox. */
export class ToolWorld {
  readonly #root: string;
  readonly #sandbox: LinuxSandbox | null;
  readonly #bin: string;
  readonly by: TransportKind;
  /** Command lines, environments and what commands said besides the answer, to look for credentials in. */
  readonly said: string[] = [];

  private constructor(root: string, sandbox: LinuxSandbox | null, by: TransportKind) {
    this.#root = root;
    this.#bin = join(root, 'bin');
    this.#sandbox = sandbox;
    this.by = by;
  }

  /** By HTTP, or by the program at `path`. */
  static async open(path: string | null): Promise<ToolWorld> {
    const root = mkdtempSync(join(tmpdir(), 'carapulse-tools-'));
    if (path === null) return new ToolWorld(root, null, 'http');
    chmodSync(root, 0o755);
    const bin = join(root, 'bin');
    mkdirSync(bin);
    // Commands may not read what lies in somebody's home.
    copyFileSync(path, join(bin, path.slice(path.lastIndexOf('/') + 1)));
    const sandbox = await LinuxSandbox.open(
      { cacheDir: join(root, 'cache'), programDirs: [bin, '/usr/bin', '/bin'], resolve: here },
      AbortSignal.timeout(60_000),
    );
    return new ToolWorld(root, sandbox, 'cli');
  }

  async close(): Promise<void> {
    await this.#sandbox?.close();
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** The output, parsed with the action's schema. */
  async run(call: Call): Promise<JsonObject> {
    const { registered, parsed } = find(call);
    const transport = registered.action.transports.find(({ kind }) => kind === this.by);
    if (transport === undefined) throw new Error(`${call.tool}.${call.action} has no ${this.by}`);
    return await this.#within(registered, call, async (runtime) => {
      const output = registered.action.output.parse(await transport.run(parsed, runtime));
      return JSON.parse(JSON.stringify(output)) as JsonObject;
    });
  }

  async observe(call: Call): Promise<Observation | undefined> {
    const { registered, parsed } = find(call);
    return await this.#within(registered, call, async (runtime) =>
      registered.action.observe?.(parsed, runtime),
    );
  }

  async readBack(call: Call): Promise<JsonObject> {
    const { registered, parsed } = find(call);
    return await this.#within(registered, call, async (runtime) => {
      const output = registered.action.output.parse(await registered.action.readBack?.(parsed, runtime));
      return JSON.parse(JSON.stringify(output)) as JsonObject;
    });
  }

  async #within<T>(
    { settings, scratch: directories }: RegisteredAction,
    { timeoutMs = 30_000, key = 'key' }: Call,
    work: (runtime: ToolRuntime<unknown>) => Promise<T>,
  ): Promise<T> {
    const sandbox = this.#sandbox;
    const scratch = makeScratch(this.#root, directories, sandbox?.runAs ?? null);
    const signal = AbortSignal.timeout(60_000);
    const egress = openEgressHttp({ resolve: here });
    const exec: ToolRuntime<unknown>['exec'] = async (command) => {
      if (sandbox === null) throw new Error('no program is run');
      const { shown: _, ...rest } = command;
      const mounts = [...command.mounts, { path: this.#bin, mode: 'ro' as const }];
      this.said.push(command.argv.join(' '), JSON.stringify(command.env));
      const limits = { ...LIMITS, wallMs: timeoutMs };
      const result = await sandbox.run({ ...rest, mounts, env: command.env ?? {}, limits }, { signal });
      this.said.push(result.stderr);
      if (result.stoppedBy !== null) throw Object.assign(new Error('stopped'), { code: result.stoppedBy });
      return result;
    };
    const http: ToolRuntime<unknown>['http'] = (request) =>
      egress.request(
        { ...request, timeoutMs, maxResponseBytes: LIMITS.outputBytes, maxRedirects: 0 },
        signal,
      );
    try {
      return await work({
        settings,
        scratch,
        cache: scratch,
        documents: noDocuments,
        idempotencyKey: key,
        signal,
        exec,
        http,
      });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
}

/** What a call is refused with; `done` when it isn't. */
export async function refusalOf(call: Promise<unknown>): Promise<JsonObject> {
  return await call.then(
    () => ({ code: 'done' }),
    ({ code, message, retryable, retryAfterMs, details }: JsonObject) =>
      JSON.parse(JSON.stringify({ code, message, retryable, retryAfterMs, details })) as JsonObject,
  );
}

function find({ tool, section, action, input }: Call) {
  const registered = createToolRegistry(TOOLS, { [tool]: { instances: { main: section } } }).find(
    tool,
    action,
  );
  return { registered, parsed: registered.action.input.parse({ instance: 'main', ...input }) };
}

function here(): Promise<readonly string[]> {
  return Promise.resolve(['127.0.0.1']);
}
