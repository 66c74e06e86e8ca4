import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import type { z } from 'zod';
import { shellLine } from '../shell-quote.ts';
import { defineAction } from '../tool-definition.ts';
import type { AnyAction, Observation, ToolRuntime, Transport } from '../tool-definition.ts';
import { forgeApi } from './forge-api.ts';
import type { ForgeApi } from './forge-api.ts';
import { findForge } from './forge-settings.ts';
import type { ForgeSettings } from './forge-settings.ts';
import { sendOverCli } from './send-over-cli.ts';
import type { ForgeProgram } from './send-over-cli.ts';
import { sendOverHttp } from './send-over-http.ts';

interface Located {
  readonly instance: string;
  readonly repository: string;
}

interface ActionParts<Input, Output> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  readonly run: (input: Input, api: ForgeApi) => Promise<Output>;
  /** Arguments of the program as a person would type them. */
  readonly commands: (input: Input) => ReadonlyArray<readonly string[]>;
}

interface WriteParts<Input, Output> extends ActionParts<Input, Output> {
  readonly repeat: RepeatClass;
  readonly effects: (input: Input) => readonly Effect[];
  /** The output of a write that has happened, or null; makes the write observable. */
  readonly made?: (input: Input, api: ForgeApi) => Promise<Output | null>;
}

/** What a forge has of its own. */
export interface Forge {
  /** Name of the tool, and of the program that people type. */
  readonly tool: string;
  /** Sent with every request, by either transport. */
  readonly headers: Readonly<Record<string, string>>;
  /** The program that sends the requests where it is installed. */
  readonly cli: ForgeProgram;
}

/** Makes the actions of one forge, each with every transport. */
export interface ForgeActions {
  read<Input extends Located, Output>(parts: ActionParts<Input, Output>): AnyAction<ForgeSettings>;
  write<Input extends Located, Output>(parts: WriteParts<Input, Output>): AnyAction<ForgeSettings>;
}

type Runtime = ToolRuntime<ForgeSettings>;

export function forgeActions({ tool, headers, cli }: Forge): ForgeActions {
  const open = (runtime: Runtime, input: Located, by?: ForgeProgram): ForgeApi => {
    const forge = findForge(runtime.settings, tool, input);
    const send =
      by === undefined ? sendOverHttp(runtime, forge, headers) : sendOverCli(runtime, forge, by, headers);
    return forgeApi(forge, send);
  };
  const action = <Input extends Located, Output>(
    parts: WriteParts<Input, Output>,
    kind: 'read' | 'write',
  ): AnyAction<ForgeSettings> => {
    const { made } = parts;
    const transports: Transport<ForgeSettings, Input>[] = [
      {
        kind: 'cli',
        program: cli.program,
        run: (input, runtime) => parts.run(input, open(runtime, input, cli)),
      },
      { kind: 'http', run: (input, runtime) => parts.run(input, open(runtime, input)) },
    ];
    return defineAction<ForgeSettings, Input, Output>({
      name: parts.name,
      description: parts.description,
      kind,
      repeat: parts.repeat,
      revision: 1,
      input: parts.input,
      output: parts.output,
      effects: parts.effects,
      transports,
      ...(made === undefined
        ? {}
        : {
            observe: async (input: Input, runtime: Runtime): Promise<Observation> =>
              (await made(input, open(runtime, input))) === null ? 'not_done' : 'done',
            readBack: (input: Input, runtime: Runtime) => made(input, open(runtime, input)),
          }),
      commands: (input) => parts.commands(input).map((words) => shellLine([tool, ...words])),
      timeoutMs: 60_000,
      maxOutputBytes: 16_000_000,
    });
  };
  return {
    read: (parts) =>
      action(
        {
          ...parts,
          repeat: 'convergent',
          effects: (input) => [{ kind: 'read', target: repositoryTarget(tool, input) }],
        },
        'read',
      ),
    write: (parts) => action(parts, 'write'),
  };
}

/** The canonical URI of a repository, or of something in it. */
export function repositoryTarget(tool: string, input: Located, ...inside: readonly string[]): string {
  return [`${tool}:${input.instance}`, input.repository.toLowerCase(), ...inside].join('/');
}
