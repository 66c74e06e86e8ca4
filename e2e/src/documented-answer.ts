import { z } from 'zod';
import { sharedSchemas, type Answer, type ApiOperation, type Schema } from './api.ts';

const shared = inDefinitions(sharedSchemas());
const parsers = new Map<string, z.ZodType>();

/** What the OpenAPI document doesn't say about an answer: its status, its content type, its content. Null when it's all there. */
export function undocumented({ id, responses }: ApiOperation, answer: Answer): string | null {
  const response = responses[String(answer.status)];
  if (response === undefined) return `${id} answers ${answer.status}, which the document doesn't know`;
  const media = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
  const schema = response.content?.[media]?.schema;
  if (schema === undefined)
    return `${id} answers ${answer.status} with ${media}, which the document doesn't know`;
  const content: unknown = media.endsWith('json') ? JSON.parse(answer.text) : answer.text;
  const { error } = parser(`${id} ${answer.status} ${media}`, schema).safeParse(content);
  return error === undefined ? null : `${id} ${answer.status}: ${z.prettifyError(error)}`;
}

function parser(key: string, schema: Schema): z.ZodType {
  const known = parsers.get(key);
  if (known !== undefined) return known;
  const made = z.fromJSONSchema({ $defs: shared, ...inDefinitions(schema) });
  parsers.set(key, made);
  return made;
}

/** The same schema with references as a document of its own has them. */
function inDefinitions(schema: Schema): Record<string, z.core.JSONSchema.JSONSchema> {
  return JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/')) as Record<
    string,
    z.core.JSONSchema.JSONSchema
  >;
}
