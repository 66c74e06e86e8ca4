import { JsonObject, SECRET_REFERENCE, type JsonValue } from '@carapulse/kernel';
import { resolveSecret } from './resolve-secret.ts';

/**
 * A section with every text that refers to a secret (`env:NAME`, `file:PATH`) replaced by what it refers to.
 * @returns the section and the secrets, so that they can be redacted. @throws AppError as `resolveSecret` does.
 */
export async function resolveReferences(
  section: JsonObject,
): Promise<{ readonly section: JsonObject; readonly secrets: readonly string[] }> {
  const secrets: string[] = [];
  const resolve = async (value: JsonValue): Promise<JsonValue> => {
    if (typeof value === 'string' && SECRET_REFERENCE.test(value)) {
      const secret = await resolveSecret(value);
      secrets.push(secret);
      return secret;
    }
    if (Array.isArray(value)) return Promise.all(value.map((item: JsonValue) => resolve(item)));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(
      async ([name, member]) => [name, await resolve(member)] as const,
    );
    return Object.fromEntries(await Promise.all(members));
  };
  return { section: JsonObject.parse(await resolve(section)), secrets };
}
