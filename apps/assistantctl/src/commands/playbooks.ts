import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { AppError } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import { age } from '../output/age.ts';
import { harmlessYaml } from '../output/harmless-document.ts';
import { required, text, type Action } from './command.ts';
import { readText } from './read-text.ts';

const sentence = ({ description, summary }: Readonly<Record<string, unknown>>): string =>
  [description, summary].find((each) => typeof each === 'string') ?? '-';

export const listPlaybooks: Action = async (session) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('listPlaybooks', { signal: session.signal });
  session.out.list(body, body.items, {
    name: (each) => each.name,
    empty: 'No playbooks. Add one with `assistantctl playbook put FILE`.',
    columns: [
      { title: 'PLAYBOOK', value: (each) => each.name },
      { title: 'ENABLED', value: (each) => (each.enabled ? 'yes' : 'no') },
      { title: 'FROM', value: (each) => each.source },
      { title: 'CHANGED', value: (each) => age(each.updated_at, session.nowMs()) },
      {
        title: 'SUMMARY',
        value: (each) => sentence(each.document),
      },
      { title: 'DIGEST', value: (each) => each.digest, wide: true },
    ],
  });
};

export const showPlaybook: Action = async (session, [name = '']) => {
  const { client } = await session.connect('read');
  const { body } = await client.call('listPlaybooks', { signal: session.signal });
  const found = body.items.find((each) => each.name === name);
  if (found === undefined)
    throw new AppError(
      'not_found',
      `There is no playbook ${name}; there are: ${body.items.map((each) => each.name).join(', ') || 'none'}.`,
    );
  session.out.one(found, name, () => harmlessYaml(found.document).trimEnd().split('\n'));
};

export const putPlaybook: Action = async (session, [file = '']) => {
  const yaml = await readText(session, file);
  const { client } = await session.connect();
  const { body } = await client.call('putPlaybook', {
    body: { source: basename(file), yaml },
    idempotencyKey: randomUUID(),
    signal: session.signal,
  });
  session.out.one(body, body.name, () => [
    `Playbook ${displayText(body.name)} is in force (${body.digest}).`,
  ]);
};

export const testPlaybookFile: Action = async (session, [file = ''], flags) => {
  const [
    { catalogueOf, parsePlaybook, PlaybookCase, testPlaybook },
    { createToolRegistry, TOOLS },
    { loadConfig },
  ] = await Promise.all([import('@carapulse/planning'), import('@carapulse/tools'), import('./config.ts')]);
  const { value, locate } = yamlDocumentParser.parse(await readText(session, file), file);
  const loaded = parsePlaybook({ document: value, file, locate });
  const caseFile = required(flags, 'case');
  const recorded = yamlDocumentParser.parseAs(
    PlaybookCase,
    await readText(session, caseFile),
    caseFile,
  ).value;
  const config = await loadConfig(session, text(flags, 'config'));
  const catalogue = catalogueOf(createToolRegistry(TOOLS, config.connectors));
  const result = await testPlaybook(loaded, recorded, catalogue, session.signal);
  session.out.one(result, result.name, () => [
    `${session.out.paint(result.passed ? 'passed' : 'FAILED', result.passed ? 'good' : 'bad')}  ${displayText(result.name)}: ${result.outcome}`,
    ...result.because.map((reason) => `  because ${displayText(reason)}`),
    ...(result.draft?.steps ?? []).map(
      (step) =>
        `  ${step.kind} ${step.step_id}: ${displayText(step.title)} (${step.call.tool}.${step.call.action})`,
    ),
    ...result.failures.map((failure) => `  ${session.out.paint('differs', 'bad')}: ${displayText(failure)}`),
  ]);
  return result.passed ? 0 : 7;
};
