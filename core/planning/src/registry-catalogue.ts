import { AppError, parseInput, type JsonObject } from '@carapulse/kernel';
import type { ToolRegistry } from '@carapulse/tools';
import type { ToolCatalogue } from './ports.ts';

/** The configured tools as planning sees them. */
export function catalogueOf(registry: ToolRegistry): ToolCatalogue {
  return {
    action: (tool, name) => {
      const found = lookUp(registry, tool, name);
      if (found === null) return null;
      const { action, settings, digest } = found;
      const parse = (input: JsonObject): unknown =>
        parseInput(action.input, input, `The input of ${tool}.${name}`);
      return {
        kind: action.kind,
        repeat: action.repeat,
        definitionDigest: digest,
        // Inputs of tools are JSON before and after their schemas.
        parse: (input) => parse(input) as JsonObject,
        effects: (input) => action.effects(parse(input), settings),
        commands: (input) => action.commands(parse(input), settings),
      };
    },
  };
}

function lookUp(registry: ToolRegistry, tool: string, name: string) {
  try {
    return registry.find(tool, name);
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_supported') return null;
    throw error;
  }
}
