import { AppError, parseInput } from '@carapulse/kernel';
import type { JsonObject } from '@carapulse/kernel';
import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';
import type { RegisteredAction, ToolRegistry } from './registry.ts';

/** Which action is meant, and with what. */
export interface NamedCall {
  readonly tool: string;
  readonly action: string;
  readonly input: JsonObject;
}

/** One call as planning needs it: pure facts, nothing that runs. */
export interface DescribedCall {
  readonly kind: 'read' | 'write';
  readonly repeat: RepeatClass;
  readonly definitionDigest: string;
  /** Parsed strictly, defaults filled in, so that what is hashed is what runs. */
  readonly input: JsonObject;
  readonly effects: readonly Effect[];
  /** Command lines for people. */
  readonly commands: readonly string[];
}

/**
 * What a call would be; null when there is no such tool or action, or it is not configured.
 * @throws AppError `invalid_input` when the action doesn't take the input.
 */
export function describeCall(registry: ToolRegistry, call: NamedCall): DescribedCall | null {
  const found = lookUp(registry, call);
  if (found === null) return null;
  const { action, settings, digest } = found;
  const input = parseInput(action.input, call.input, `The input of ${call.tool}.${call.action}`);
  return {
    kind: action.kind,
    repeat: action.repeat,
    definitionDigest: digest,
    // Inputs of tools are JSON before and after their schemas.
    input: input as JsonObject,
    effects: action.effects(input, settings),
    commands: action.commands(input, settings),
  };
}

function lookUp(registry: ToolRegistry, { tool, action }: NamedCall): RegisteredAction | null {
  try {
    return registry.find(tool, action);
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_supported') return null;
    throw error;
  }
}
