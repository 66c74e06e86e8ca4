import { AppError, jsonPointer, type JsonObject, type JsonValue } from '@carapulse/kernel';
import { valueAt } from '@carapulse/plan';

/** What references may take from: typed parameters, and the outputs of reads made while planning. */
export interface Scope {
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly reads: Readonly<Record<string, JsonValue>>;
  /** RFC 3339: the plan's creation, for inputs that need an instant. */
  readonly createdAt: string;
}

export interface FoundReference {
  readonly pointer: string;
  /** Null when the object has a `$ref` beside other fields, or one that is not a text. */
  readonly ref: string | null;
}

/** Every `{$ref: …}` in a value. */
export function findReferences(value: unknown, pointer: string): readonly FoundReference[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('$ref' in value) {
    const alone = Object.keys(value).length === 1 && typeof value.$ref === 'string';
    return [{ pointer, ref: alone ? String(value.$ref) : null }];
  }
  return Object.entries(value).flatMap(([key, member]) =>
    findReferences(member, `${pointer}${jsonPointer([key])}`),
  );
}

/**
 * The value with each reference replaced by what it names, whole. Texts are never joined or looked into.
 * @throws AppError `precondition_failed` when a read's output has nothing there.
 */
export function resolveValue(value: JsonValue, scope: Scope): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => resolveValue(item, scope));
  const object = value as JsonObject; // neither scalar nor array
  if (typeof object['$ref'] === 'string') return resolveReference(object['$ref'], scope);
  return Object.fromEntries(
    Object.entries(object).map(([key, member]) => [key, resolveValue(member, scope)]),
  );
}

/** @throws AppError `precondition_failed` when there is nothing. */
export function resolveReference(ref: string, scope: Scope): JsonValue {
  const value = lookUp(ref, scope);
  if (value !== undefined) return value;
  throw new AppError('precondition_failed', `${ref} is not there: the read's output has no such value.`);
}

/** What a reference names, or undefined. */
export function lookUp(ref: string, scope: Scope): JsonValue | undefined {
  if (ref === 'plan.created_at') return scope.createdAt;
  const path = ref.slice(ref.indexOf('.') + 1);
  if (ref.startsWith('parameters.')) {
    return Object.hasOwn(scope.parameters, path) ? scope.parameters[path] : undefined;
  }
  const slash = path.indexOf('/');
  const id = slash < 0 ? path : path.slice(0, slash);
  const output = Object.hasOwn(scope.reads, id) ? scope.reads[id] : undefined;
  return output === undefined ? undefined : valueAt(output, slash < 0 ? '' : path.slice(slash));
}

/** An input of a call, resolved. @throws AppError `precondition_failed` when what it refers to is no object. */
export function resolveInput(input: JsonObject, scope: Scope): JsonObject {
  const value = resolveValue(input, scope);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject; // by the test
  throw new AppError('precondition_failed', 'What the input of a call refers to is no object.');
}

/** True when the value needs a read's output. */
export function needsRead(value: unknown): boolean {
  return findReferences(value, '').some(({ ref }) => ref?.startsWith('reads.') === true);
}
