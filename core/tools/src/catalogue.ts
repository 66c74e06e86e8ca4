import { parseInput } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import type { ToolRegistry } from './registry.ts';

/** One action as planning needs it: pure facts about an input, nothing that runs. */
export interface CatalogueEntry {
  readonly kind: 'read' | 'write';
  readonly repeat: RepeatClass;
  readonly definitionDigest: string;
  /** Parses strictly; defaults are filled in, so that what is hashed is what runs. @throws AppError `invalid_input`. */
  parse(input: JsonObject): JsonObject;
  effects(input: JsonObject): readonly Effect[];
  /** Command lines for people. */
  commands(input: JsonObject): readonly string[];
}

/** Looks an action up for a planner; null when it is not there or its tool is not configured. */
export function catalogueOf(registry: ToolRegistry): {
  action(tool: string, action: string): CatalogueEntry | null;
} {
  const entries = new Map(
    registry.list().map(({ tool, action, settings, digest }): [string, CatalogueEntry] => {
      const parse = (input: JsonObject): JsonObject =>
        parseInput(action.input, input, `The input of ${tool}.${action.name}`) as JsonObject;
      const entry: CatalogueEntry = {
        kind: action.kind,
        repeat: action.repeat,
        definitionDigest: digest,
        parse,
        effects: (input) => action.effects(parse(input), settings),
        commands: (input) => action.commands(parse(input), settings),
      };
      return [`${tool}.${action.name}`, entry];
    }),
  );
  return { action: (tool, action) => entries.get(`${tool}.${action}`) ?? null };
}
