import type { Api } from '@carapulse/client-http';
import { randomUUID } from 'node:crypto';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { AppError, JsonObject, type JsonValue } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import type { Session } from '../session/session.ts';
import { whilePlanning } from '../session/while-planning.ts';
import { list, required, text, type Action, type Flags } from './command.ts';
import { cardLines, noteNextStep } from './plans.ts';
import { readText } from './read-text.ts';
import { withAssignments } from './workflow-input.ts';

type WorkflowView = Api['listWorkflows']['response']['items'][number];

export const listWorkflows: Action = async (session) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('listWorkflows', { signal: session.signal });
  session.out.list(body, body.items, {
    name: (each) => each.name,
    empty: 'No workflows.',
    columns: [
      { title: 'WORKFLOW', value: (each) => each.name },
      { title: 'VERSION', value: (each) => String(each.version) },
      { title: 'WHAT IT DOES', value: (each) => each.title },
    ],
  });
};

export const showWorkflow: Action = async (session, [name = '']) => {
  const found = await findWorkflow(session, name);
  session.out.one(found, name, () => [
    `${session.out.paint(displayText(found.name), 'strong')}, version ${found.version}: ${displayText(found.title)}`,
    '',
    ...fieldLines(JsonObject.parse(found.input), ''),
  ]);
  if (session.options.output === 'table')
    session.out.note(`Next: assistantctl workflow start ${name} --set FIELD=VALUE … --reason …`);
};

export const startWorkflow: Action = async (session, [name = ''], flags) => {
  const input = await workflowInput(session, name, {}, flags);
  const { client } = await session.connect();
  const { body } = await whilePlanning(session, (limits) =>
    client.call('startWorkflow', {
      params: { name },
      body: { input, reason: required(flags, 'reason') },
      idempotencyKey: randomUUID(),
      ...limits,
    }),
  );
  session.out.one(body, body.plan.plan_id, () => cardLines(session, body));
  noteNextStep(session, body);
};

/** What `--input` and `--set` make of an input. */
export async function workflowInput(
  session: Session,
  name: string,
  before: JsonObject,
  flags: Flags,
): Promise<JsonObject> {
  const file = text(flags, 'input');
  const given = file === undefined ? before : await readInput(session, file);
  const assignments = list(flags, 'set');
  if (assignments.length === 0) return given;
  return withAssignments(given, assignments, JsonObject.parse((await findWorkflow(session, name)).input));
}

async function readInput(session: Session, file: string): Promise<JsonObject> {
  const { value } = yamlDocumentParser.parse(await readText(session, file), file);
  // As it was written: a parse drops `__proto__`, which the server refuses.
  if (JsonObject.safeParse(value).success) return value as JsonObject;
  throw new AppError('invalid_input', `${file} holds no input: write fields and values, as YAML or JSON.`);
}

async function findWorkflow(session: Session, name: string): Promise<WorkflowView> {
  const { client } = await session.connect('read');
  const { items } = (await client.call('listWorkflows', { signal: session.signal })).body;
  const found = items.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new AppError(
    'not_found',
    `There is no workflow ${name}; there are: ${items.map((each) => each.name).join(', ')}.`,
  );
}

/** One line a field, those within a field below it by their whole name. */
function fieldLines(schema: JsonObject, prefix: string): readonly string[] {
  const properties = objectOf(schema['properties']);
  const wanted = Array.isArray(schema['required']) ? (schema['required'] as readonly JsonValue[]) : [];
  return Object.entries(properties).flatMap(([name, value]) => {
    const field = objectOf(value);
    const about = [
      typeOf(field),
      ...(wanted.includes(name) ? ['required'] : []),
      ...(field['default'] === undefined ? [] : [`default ${JSON.stringify(field['default'])}`]),
    ];
    const description = typeof field['description'] === 'string' ? field['description'] : '';
    return [
      displayText(`  ${`${prefix}${name}`.padEnd(26)} ${about.join(', ').padEnd(30)} ${description}`),
      ...fieldLines(field, `${prefix}${name}.`),
    ];
  });
}

function typeOf(field: JsonObject): string {
  if (Array.isArray(field['enum'])) return field['enum'].join(' | ');
  return typeof field['type'] === 'string' ? field['type'] : 'any';
}

function objectOf(value: JsonValue | undefined): JsonObject {
  const parsed = JsonObject.safeParse(value);
  return parsed.success ? parsed.data : {};
}
