import { describeCall, type ToolRegistry } from '@carapulse/tools';
import type { ToolCatalogue } from './ports.ts';

/** The configured tools of this very process as planning sees them. */
export function catalogueOf(registry: ToolRegistry): ToolCatalogue {
  return { describe: async (call) => describeCall(registry, call) };
}
