import { jsonPointer, type InputFault } from '@carapulse/kernel';
import type { z } from 'zod';

/** A fault, and whether the key or the value of its place is wrong. */
export type Fault = InputFault & { readonly part?: 'key' };

/** What a schema found wrong; a field that is not known is named itself, not the object that holds it. */
export function schemaFaults(error: z.ZodError): readonly Fault[] {
  return error.issues.flatMap((issue): readonly Fault[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          pointer: jsonPointer([...issue.path, key]),
          detail: `there is no field ${key} here`,
          part: 'key',
        }))
      : [{ pointer: jsonPointer(issue.path), detail: issue.message }],
  );
}
