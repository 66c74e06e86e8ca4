import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OpaPolicy } from './opa-policy.ts';
import { findOpaBinary, startOpaServer } from './opa-server.ts';
import { comparedData, policyQuestion } from './policy-question.fixture.ts';
import type { PolicyInput } from '@carapulse/policy';
import type { OpaServer } from './opa-server.ts';

const QUESTIONS = 2500;
const MIN_OF_EACH_OUTCOME = 150;
const policiesDir = join(import.meta.dirname, '..', '..', '..', 'policies');
const { signal } = new AbortController();
const binary = findOpaBinary(process.env);
const seed = Number(process.env['FAST_CHECK_SEED'] ?? Date.now() % 2 ** 31);

if (binary === null && process.env['CI'] === 'true') {
  throw new Error('No OPA server: build it with `node native/build-servers.ts opa`, or set OPA_BINARY');
}

describe.skipIf(binary === null)(
  'the same decisions as an OPA server (needs `node native/build-servers.ts opa`)',
  () => {
    let scratch: string;
    let bundleDir: string;
    let server: OpaServer;
    let questions: readonly PolicyInput[];
    let served: readonly unknown[];

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'carapulse-opa-server-'));
      bundleDir = await bundle('original');
      server = await startOpaServer(binary ?? '', bundleDir, signal);
      questions = fc.sample(policyQuestion, { numRuns: QUESTIONS, seed });
      const answers: unknown[] = [];
      for (const question of questions) answers.push(await server.decide(JSON.stringify(question), signal));
      served = answers;
    });

    afterAll(async () => {
      await server?.stop();
      await rm(scratch, { recursive: true, force: true });
    });

    async function bundle(name: string): Promise<string> {
      const dir = join(scratch, name);
      await cp(policiesDir, dir, { recursive: true });
      const data = JSON.parse(await readFile(join(dir, 'data.json'), 'utf8')) as {
        assistant: { freeze_windows: unknown; approvals: { groups: unknown } };
      };
      data.assistant.freeze_windows = comparedData.freeze_windows;
      data.assistant.approvals.groups = comparedData.groups;
      await writeFile(join(dir, 'data.json'), JSON.stringify(data));
      return dir;
    }

    async function disagreements(
      dir: string,
    ): Promise<readonly { question: PolicyInput; here: unknown; there: unknown }[]> {
      const policy = new OpaPolicy({ dir });
      const found: { question: PolicyInput; here: unknown; there: unknown }[] = [];
      for (const [index, question] of questions.entries()) {
        const { bundle_digest: _, ...here } = await policy.decide(question, signal);
        const there = served[index];
        if (JSON.stringify(sorted(here)) !== JSON.stringify(sorted(there)))
          found.push({ question, here, there });
      }
      return found;
    }

    test(`over ${QUESTIONS} generated questions, with a minimum of each outcome`, async () => {
      expect(await disagreements(bundleDir), `FAST_CHECK_SEED=${seed}`).toEqual([]);
      const counts = { allow: 0, require_approval: 0, deny: 0 };
      const rules = new Set<string>();
      for (const answer of served as readonly {
        decision: keyof typeof counts;
        reasons: { rule: string }[];
      }[]) {
        counts[answer.decision] += 1;
        for (const { rule } of answer.reasons) rules.add(rule);
      }
      for (const count of Object.values(counts)) expect(count).toBeGreaterThan(MIN_OF_EACH_OUTCOME);
      // Every rule but the ones that only a malformed bundle or question reaches.
      const unreachable = new Set(['freeze_window_unreadable', 'time_unreadable', 'replicas']);
      const named = await ruleNames();
      expect([...named].filter((rule) => !rules.has(rule) && !unreachable.has(rule)).toSorted()).toEqual([]);
    });

    async function ruleNames(): Promise<ReadonlySet<string>> {
      const files = ['tools', 'read', 'write', 'break-glass', 'environment', 'limits', 'secrets'];
      const sources = await Promise.all(
        files.map((file) => readFile(join(policiesDir, `${file}.rego`), 'utf8')),
      );
      return new Set([...sources.join('\n').matchAll(/"rule": "(\w+)"/g)].map(([, rule]) => rule ?? ''));
    }

    test.each([
      ['tools.rego', 'effect.kind in declared_effects', 'effect.kind in {"git_push", "alert_silence"}'],
      ['read.rego', 'input.actor.tenant_id != input.context.tenant_id', 'input.actor.tenant_id == "nobody"'],
      ['write.rego', '2: {"low"}', '2: {"low", "medium"}'],
      ['write.rego', 'config.approvals.raised_quorum', 'config.approvals.quorum'],
      ['break-glass.rego', 'glass_remaining_ns > 0', 'glass_remaining_ns >= 0'],
      [
        'break-glass.rego',
        'glass_remaining_ns > longest_glass_ns',
        'glass_remaining_ns > longest_glass_ns + 1000000',
      ],
      [
        'environment.rego',
        'now_ns < time.parse_rfc3339_ns(window.to)',
        'now_ns <= time.parse_rfc3339_ns(window.to)',
      ],
      ['environment.rego', 'clock_now >= window.from', 'clock_now > window.from'],
      [
        'limits.rego',
        'input.resources.blast_radius > limits.blast_radius',
        'input.resources.blast_radius > limits.blast_radius + 1',
      ],
      ['limits.rego', String.raw`"?", ` + '`\\?`', '"?", "?"'],
      ['secrets.rego', 'lower(text)', 'text'],
      ['decision.rego', 'count(deny) == 0', 'count(deny) <= 1'],
    ])('a changed rule is noticed: %s: %s', async (file, from, to) => {
      const dir = await bundle(`mutant-${file}-${from.replaceAll(/\W/g, '')}`);
      const source = await readFile(join(dir, file), 'utf8');
      expect(source).toContain(from);
      await writeFile(join(dir, file), source.replace(from, to));
      const found = await disagreements(dir);
      expect(found.length, `FAST_CHECK_SEED=${seed}`).toBeGreaterThan(0);
      // Noticed because it decides differently, not because it does not compile.
      const unavailable = found.filter(({ here }) => JSON.stringify(here).includes('policy_unavailable'));
      expect(unavailable.length).toBeLessThan(questions.length);
    });
  },
);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]) => [key, sorted(each)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
