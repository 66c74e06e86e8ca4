import { JsonObject, SECRET_REFERENCE, type JsonValue } from '@carapulse/kernel';
import { z } from 'zod';
import type { AnyTool } from './tool-definition.ts';

/**
 * The section `connectors` as it is written: each tool's section is held to that tool's schema, every fault at its place.
 * What a reference to a secret stands for isn't known yet and isn't judged; `createToolRegistry` does, once it is.
 */
export function connectorsSchema(tools: readonly AnyTool[]) {
  const known = new Map(tools.map((tool) => [tool.name, tool]));
  return z.record(z.string(), JsonObject).superRefine((connectors, context) => {
    for (const [name, section] of Object.entries(connectors)) {
      const tool = known.get(name);
      if (tool === undefined) {
        const message = `is no tool; there are: ${[...known.keys()].join(', ')}`;
        context.addIssue({ code: 'custom', path: [name], message });
        continue;
      }
      for (const issue of tool.settings.safeParse(section).error?.issues ?? []) {
        if (isReference(section, issue.path)) continue;
        const { path, ...fault } = issue;
        context.addIssue({ ...fault, path: [name, ...path] });
      }
    }
  });
}

function isReference(section: JsonObject, path: readonly PropertyKey[]): boolean {
  const value = path.reduce<JsonValue | undefined>(
    (at, part) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, part)
        ? (at as Readonly<Record<PropertyKey, JsonValue>>)[part]
        : undefined,
    section,
  );
  return typeof value === 'string' && SECRET_REFERENCE.test(value);
}
