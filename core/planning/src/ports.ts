import type { DocumentPosition, JsonObject, JsonValue } from '@carapulse/kernel';
import type { RepeatClass } from '@carapulse/plan';
import type { Effect } from '@carapulse/policy';

/** One action as planning needs it: pure facts about an input, nothing that runs. */
export interface CatalogueAction {
  readonly kind: 'read' | 'write';
  readonly repeat: RepeatClass;
  readonly definitionDigest: string;
  /** Parses strictly with the action's own schema. @throws AppError `invalid_input`. */
  parse(input: JsonObject): JsonObject;
  effects(input: JsonObject): readonly Effect[];
  /** Command lines for people. */
  commands(input: JsonObject): readonly string[];
}

/** The tools that are configured here. */
export interface ToolCatalogue {
  /** Null when there is no such tool or action, or it is not configured. */
  action(tool: string, action: string): CatalogueAction | null;
}

/** A call of a read action through the tool router. @throws AppError as the router does. */
export type ReadTool = (
  call: { readonly tool: string; readonly action: string; readonly input: JsonObject },
  signal: AbortSignal,
) => Promise<JsonValue>;

/** Where the value at a JSON pointer, or its key, lies in the text of a document; null when that is not known. */
export type LocateFault = (pointer: string, part?: 'key' | 'value') => DocumentPosition | null;
