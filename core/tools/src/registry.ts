import { AppError, parseInput } from '@carapulse/kernel';
import { definitionDigest } from './definition-digest.ts';
import type { AnyAction, AnyTool } from './tool-definition.ts';
import { toolRefusal } from './tool-refusal.ts';

/** One action with its connector's parsed settings: all that a call needs. */
export interface RegisteredAction {
  readonly tool: string;
  readonly action: AnyAction<unknown>;
  readonly settings: unknown;
  readonly scratch: readonly string[];
  readonly digest: `sha256:${string}`;
}

export interface ToolRegistry {
  /** @throws AppError `not_supported` (`tool_unknown`, `tool_not_configured`, `action_unknown`) saying what there is. */
  find(tool: string, action: string): RegisteredAction;
  /** Every action that can be called, sorted by tool and action. */
  list(): readonly RegisteredAction[];
}

/**
 * Binds tools to the sections of `connectors` in the configuration. A tool without a section is not callable.
 * @throws AppError `invalid_input` when a section does not fit its tool's schema, names no tool, or a tool's
 * definition breaks the rules of its repeat classes.
 */
export function createToolRegistry(
  tools: readonly AnyTool[],
  connectors: Readonly<Record<string, unknown>>,
): ToolRegistry {
  const known = new Map(tools.map((tool) => [tool.name, tool]));
  const configured = new Map<string, ReadonlyMap<string, RegisteredAction>>();
  for (const [name, section] of Object.entries(connectors)) {
    const tool = known.get(name);
    if (tool === undefined) {
      throw new AppError(
        'invalid_input',
        `connectors.${name} is no tool; there are: ${[...known.keys()].join(', ')}.`,
      );
    }
    const settings = parseInput(tool.settings, section, `connectors.${name}`);
    configured.set(
      name,
      new Map(tool.actions.map((action) => [action.name, register(tool, action, settings)])),
    );
  }
  return {
    find(toolName, actionName) {
      if (!known.has(toolName)) {
        throw toolRefusal(
          'tool_unknown',
          `There is no tool ${toolName}; there are: ${[...known.keys()].join(', ')}.`,
        );
      }
      const actions = configured.get(toolName);
      if (actions === undefined) {
        throw toolRefusal(
          'tool_not_configured',
          `Tool ${toolName} has no settings; add connectors.${toolName} to the configuration.`,
        );
      }
      const found = actions.get(actionName);
      if (found !== undefined) return found;
      throw toolRefusal(
        'action_unknown',
        `Tool ${toolName} has no action ${actionName}; it has: ${[...actions.keys()].join(', ')}.`,
      );
    },
    list: () =>
      [...configured.values()]
        .flatMap((actions) => [...actions.values()])
        .sort((a, b) => compare(a.tool, b.tool) || compare(a.action.name, b.action.name)),
  };
}

function register(tool: AnyTool, action: AnyAction<unknown>, settings: unknown): RegisteredAction {
  const where = `${tool.name}.${action.name}`;
  if (action.kind === 'read' && action.repeat !== 'convergent') {
    throw new AppError('invalid_input', `${where} is a read and must be convergent, not ${action.repeat}.`);
  }
  if (action.repeat === 'observable' && (action.observe === undefined || action.readBack === undefined)) {
    throw new AppError('invalid_input', `${where} is observable and must implement observe and readBack.`);
  }
  const digest = definitionDigest(tool.name, action, settings);
  return { tool: tool.name, action, settings, scratch: tool.scratch ?? [], digest };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
