import { readdirSync, readFileSync } from 'node:fs';
import { yamlDocumentParser } from '@carapulse/documents-yaml';
import { freezePlan, planCard } from '@carapulse/plan';
import {
  catalogueOf,
  parsePlaybook,
  PlaybookCase,
  testPlaybook,
  type LoadedPlaybook,
} from '@carapulse/planning';
import { createToolRegistry, TOOLS } from '@carapulse/tools';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../playbooks/', import.meta.url);
const signal = new AbortController().signal;
const catalogue = catalogueOf(
  createToolRegistry(TOOLS, {
    git: {
      repositories: { shop: { url: '/srv/git/shop.git', default_branch: 'main', branches: ['main'] } },
    },
    http: { endpoints: { checkout: { base_url: 'http://127.0.0.1:9000', egress: 'private' } } },
  }),
);

function load(file: string): LoadedPlaybook {
  const { value, locate } = yamlDocumentParser.parse(readFileSync(new URL(file, folder), 'utf8'), file);
  return parsePlaybook({ document: value, file, locate });
}

const yaml = (path: string): readonly string[] =>
  readdirSync(new URL(path, folder)).filter((file) => file.endsWith('.yaml'));
const playbooks = yaml('.').map(load);
const cases = yaml('tests/').map((file) => {
  const text = readFileSync(new URL(`tests/${file}`, folder), 'utf8');
  return yamlDocumentParser.parseAs(PlaybookCase, text, file).value;
});

describe('the playbooks of this repository', () => {
  it('each have the name of their file and at least one recorded case', () => {
    expect(playbooks.map((loaded) => `${loaded.playbook.name}.yaml`)).toEqual(
      playbooks.map((loaded) => loaded.file),
    );
    for (const { playbook } of playbooks) {
      expect(cases.filter((recorded) => recorded.playbook === playbook.name)).not.toEqual([]);
    }
  });

  it.each(cases.map((recorded) => [recorded.name, recorded] as const))('case: %s', async (_, recorded) => {
    const loaded = playbooks.find((each) => each.playbook.name === recorded.playbook);
    if (loaded === undefined) throw new Error(`There is no playbook ${recorded.playbook}`);
    const result = await testPlaybook(loaded, recorded, catalogue, signal);
    expect(result.failures).toEqual([]);
    expect(result.passed).toBe(true);
    if (result.draft === null) return;
    const plan = freezePlan(result.draft, {
      decision: 'require_approval',
      reasons: [{ rule: 'write_needs_approval', message: 'a write to production' }],
      constraints: [],
      ttl_s: 3600,
      bundle_digest: 'sha256:0',
    });
    expect(JSON.stringify(plan)).not.toContain('$ref');
    const card = planCard(plan, {
      status: 'awaiting_approval',
      approvals: { given: [], required: 1 },
      now: recorded.now,
    });
    expect(card.length).toBeLessThanOrEqual(25);
  });

  it('fail their case when the case expects something else, and say what differs', async () => {
    const recorded = cases.find((each) => each.expect.outcome === 'planned');
    const loaded = playbooks.find((each) => each.playbook.name === recorded?.playbook);
    if (recorded === undefined || loaded === undefined) throw new Error('no case plans');
    const wrong = {
      ...recorded,
      reads: [],
      expect: { ...recorded.expect, risk: 'critical' as const, summary: 'Something else' },
    };
    const result = await testPlaybook(loaded, wrong, catalogue, signal);
    expect(result.passed).toBe(false);
    expect(result.failures.join('\n')).toContain('holds no answer to git.revert_preview');
    expect(result.failures.join('\n')).toContain('risk is not known, not critical');
  });
});
