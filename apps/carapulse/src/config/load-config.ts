import { readFile } from 'node:fs/promises';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { AppError } from '@carapulse/kernel';
import { Config } from '@carapulse/configuration';
import { connectorsSchema, TOOLS } from '@carapulse/tools';

const WithTools = Config.extend({ connectors: connectorsSchema(TOOLS).default({}) });

/**
 * The configuration of `path`, or the defaults when no path is given.
 * @throws AppError `invalid_input`: every fault as `file:line:column: what is wrong`, with a suggestion where one is near.
 */
export async function loadConfig(path: string | undefined): Promise<Config> {
  if (path === undefined) return Config.parse({});
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError(
      'invalid_input',
      `Cannot read the configuration ${path}: ${(error as Error).message}.`,
      { cause: error },
    );
  }
  return yamlDocumentParser.parseAs(WithTools, text, path).value;
}
