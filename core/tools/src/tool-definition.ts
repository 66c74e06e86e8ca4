import type { DocumentEditor, JsonObject } from '@carapulse/kernel';
import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import type { z } from 'zod';
import type { HttpRequestSpec, HttpResult } from './egress-http.ts';
import type { CommandResult, CommandSpec, SandboxFile } from './sandbox.ts';

/** A command as a tool builds it; the router adds environment, limits and what the sandbox always needs. */
export interface ToolCommand {
  readonly argv: CommandSpec['argv'];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly files?: readonly SandboxFile[];
  readonly mounts: CommandSpec['mounts'];
  readonly egress: CommandSpec['egress'];
  /** True: people who follow the run see its output. Plumbing is silent; its results are in the evidence. */
  readonly shown?: boolean;
}

/** What an action may use while it runs. There is nothing else: no file system, no network, no clock. */
export interface ToolRuntime<Settings> {
  /** The connector's settings from the configuration, parsed with the tool's own schema. */
  readonly settings: Settings;
  /** A directory of this call alone, writable in the sandbox, removed afterwards. */
  readonly scratch: string;
  /** A directory that this tool keeps between calls (caches); nothing in it is trusted. */
  readonly cache: string;
  exec(command: ToolCommand): Promise<CommandResult>;
  http(
    request: Omit<HttpRequestSpec, 'timeoutMs' | 'maxResponseBytes' | 'maxRedirects'>,
  ): Promise<HttpResult>;
  /** Pure; changes a document's text. */
  readonly documents: DocumentEditor;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** A program found on the machine, or nothing: decides between the CLI and its HTTP fallback. */
export type TransportKind = 'cli' | 'http';

/** One way to perform an action. Both ways of an action give the same typed output. */
export interface Transport<Settings, Input> {
  readonly kind: TransportKind;
  /** For `cli`: the program that must be installed. */
  readonly program?: string;
  /** Performs the action. The raw result is parsed with the action's output schema by the router. */
  run(input: Input, runtime: ToolRuntime<Settings>): Promise<unknown>;
}

export type Observation = 'done' | 'not_done' | 'unknown';

/** One action of a tool. Inputs are parsed strictly before anything else happens. */
export interface ToolAction<Settings, Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly kind: 'read' | 'write';
  /** Reads are `convergent`. */
  readonly repeat: RepeatClass;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  /** Typed effects of this very input; constraints, leases and allow-lists judge them. Pure. */
  effects(input: Input, settings: Settings): readonly Effect[];
  /** In order of preference; the first whose program is installed is used. */
  readonly transports: ReadonlyArray<Transport<Settings, Input>>;
  /** Obligatory for `observable`: reads back whether a write with this input has happened. */
  readonly observe?: (input: Input, runtime: ToolRuntime<Settings>) => Promise<Observation>;
  /** Obligatory beside `observe`: the typed output of a write that was observed to be done already. */
  readonly readBack?: (input: Input, runtime: ToolRuntime<Settings>) => Promise<unknown>;
  /** Raised by the author when the behaviour changes and no schema does; part of the definition's digest. */
  readonly revision: number;
  /** For people only: the equivalent command lines, quoted for a POSIX shell. */
  commands(input: Input, settings: Settings): readonly string[];
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
}

/** A tool: one folder under core/tools/src/tools/<name>, listed once in `tool-list.ts`. */
export interface ToolDefinition<Settings = JsonObject> {
  readonly name: string;
  readonly title: string;
  /** Schema of `connectors.<name>` in the configuration. */
  readonly settings: z.ZodType<Settings>;
  readonly actions: ReadonlyArray<AnyAction<Settings>>;
  /** Directories that the scratch directory of each call has from the start, parents first. */
  readonly scratch?: readonly string[];
}

/** An action whose input and output types are known only to itself; `defineAction` makes one soundly. */
export type AnyAction<Settings> = ToolAction<Settings, unknown, unknown>;

/** Hides an action's own types so that actions of one tool fit in one list; every input is parsed before use. */
export function defineAction<Settings, Input, Output>(
  action: ToolAction<Settings, Input, Output>,
): AnyAction<Settings> {
  // Sound because the router only ever passes what `input.parse` returned to the other members.
  return action as unknown as AnyAction<Settings>;
}

/** A tool whose settings type is known only to itself; `defineTool` makes one soundly. */
export type AnyTool = ToolDefinition<unknown>;

/** Hides a tool's settings type so that tools fit in one list; settings are parsed before any action sees them. */
export function defineTool<Settings>(tool: ToolDefinition<Settings>): AnyTool {
  // Sound because the registry only ever passes what `settings.parse` returned to the actions.
  return tool as unknown as AnyTool;
}
