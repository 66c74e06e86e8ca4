import { Config } from '@carapulse/configuration';
import { openApiDocument } from '@carapulse/gateway-fastify';
import { z } from 'zod';
import { clientTypes, type OpenApi } from './client-types.ts';

const VERSION = '1';

/** Every generated file that is committed, as path and content. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const document = openApiDocument(VERSION);
  const schema = z.toJSONSchema(Config, { io: 'input', unrepresentable: 'any' });
  return new Map([
    ['docs/openapi.json', `${JSON.stringify(document, null, 2)}\n`],
    [
      'docs/config.schema.json',
      `${JSON.stringify({ title: 'Carapulse configuration', ...schema }, null, 2)}\n`,
    ],
    ['adapters/client-http/src/generated/api.ts', clientTypes(document as unknown as OpenApi)],
  ]);
}
