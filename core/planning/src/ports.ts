import type { DocumentPosition, JsonValue } from '@carapulse/kernel';
import type { DescribedCall, NamedCall } from '@carapulse/tools';

/** The tools that are configured, here or in another process. */
export interface ToolCatalogue {
  /**
   * Null when there is no such tool or action, or it is not configured.
   * @throws AppError `invalid_input` when the action doesn't take the input; `unavailable` when it can't be asked.
   */
  describe(call: NamedCall, signal: AbortSignal): Promise<DescribedCall | null>;
}

/** A call of a read action through the tool router. @throws AppError as the router does. */
export type ReadTool = (call: NamedCall, signal: AbortSignal) => Promise<JsonValue>;

/** Where the value at a JSON pointer, or its key, lies in the text of a document; null when that is not known. */
export type LocateFault = (pointer: string, part?: 'key' | 'value') => DocumentPosition | null;
