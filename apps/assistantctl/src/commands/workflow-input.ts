import { AppError, type JsonObject, type JsonValue } from '@carapulse/kernel';

/**
 * Puts `field=value` assignments into an input. A field may lie deeper (`metric.value=1`); what it is by the
 * workflow's JSON Schema decides how its value is read: a text stays one, all else is JSON. A number is taken as it is
 * written, so that no version 1.10 becomes 1.1.
 * @throws AppError `invalid_input` naming the assignment.
 */
export function withAssignments(
  input: JsonObject,
  assignments: readonly string[],
  schema: JsonObject,
): JsonObject {
  return assignments.reduce((current, assignment) => {
    const at = assignment.indexOf('=');
    const path = assignment.slice(0, Math.max(0, at)).split('.');
    if (at < 1 || path.includes('')) {
      throw new AppError('invalid_input', `--set ${assignment}: write field=value, for example replicas=5.`);
    }
    const value = valueOf(assignment, assignment.slice(at + 1), fieldOf(schema, path));
    return put(current, path, value, assignment);
  }, input);
}

/** The schema of a field; null where there is none, which the server then says. */
function fieldOf(schema: JsonObject, path: readonly string[]): JsonObject | null {
  return path.reduce<JsonObject | null>((at, name) => (at === null ? null : propertyOf(at, name)), schema);
}

/** What holds fields of any name holds any JSON in them, at any depth. */
const ANYTHING: JsonObject = {};

/** Of several forms that an object may have, the first that knows the field: they agree on what it is. */
function propertyOf(schema: JsonObject, name: string): JsonObject | null {
  const { properties, oneOf, anyOf } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) {
    const found = properties[name];
    return isObject(found) ? found : null;
  }
  if (isObject(schema['additionalProperties'])) return ANYTHING;
  if (schema === ANYTHING) return ANYTHING;
  const forms = [oneOf, anyOf].flatMap((each): readonly JsonValue[] => (Array.isArray(each) ? each : []));
  const found = forms.map((form) => (isObject(form) ? propertyOf(form, name) : null));
  return found.find((each) => each !== null) ?? null;
}

function valueOf(assignment: string, text: string, field: JsonObject | null): JsonValue {
  const type = field?.['type'];
  if (field === null || type === 'string' || Array.isArray(field['enum'])) return text;
  const value = jsonOf(text);
  if (value === undefined) {
    const told =
      typeof type === 'string'
        ? `is no ${type}`
        : `is not JSON; a text has quotes: '${JSON.stringify(text)}'`;
    throw new AppError('invalid_input', `--set ${assignment}: ${JSON.stringify(text)} ${told}.`);
  }
  if (typeof value === 'number' && String(value) !== text) {
    throw new AppError(
      'invalid_input',
      `--set ${assignment}: as a number this is ${value}; write it so, or as a text: '${JSON.stringify(text)}'.`,
    );
  }
  return value;
}

function jsonOf(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

function put(object: JsonObject, path: readonly string[], value: JsonValue, assignment: string): JsonObject {
  const [name = '', ...rest] = path;
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = Object.hasOwn(object, name) ? object[name] : {};
  if (!isObject(inner)) {
    throw new AppError(
      'invalid_input',
      `--set ${assignment}: ${name} has no fields; it was given as a value.`,
    );
  }
  return { ...object, [name]: put(inner, rest, value, assignment) };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
