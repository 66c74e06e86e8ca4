import { Config } from '@carapulse/configuration';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { createRedactor } from '@carapulse/kernel';
import { connectorsSchema, TOOLS } from '@carapulse/tools';
import { harmlessYaml } from '../output/harmless-document.ts';
import type { Session } from '../session/session.ts';
import { text, type Action } from './command.ts';
import { readText } from './read-text.ts';

const WithTools = Config.extend({ connectors: connectorsSchema(TOOLS).default({}) });

/** The configuration of a file with its defaults, or the defaults. @throws AppError `invalid_input` with every fault. */
export async function loadConfig(session: Session, file: string | undefined): Promise<Config> {
  if (file === undefined) return Config.parse({});
  return yamlDocumentParser.parseAs(WithTools, await readText(session, file), file).value;
}

export const viewConfig: Action = async (session, _args, flags) => {
  const config = createRedactor().redactJson(await loadConfig(session, text(flags, 'config')));
  session.out.one(config, 'config', () => harmlessYaml(config).trimEnd().split('\n'));
};

export const validateConfig: Action = async (session, [file = '']) => {
  await loadConfig(session, file);
  session.out.one({ valid: true, file }, 'valid', () => [`${file} is valid.`]);
};
