import { cp, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OpaPolicy } from './opa-policy.ts';
import { revertQuestion } from './revert-question.fixture.ts';
import { GUEST_LIMITS } from './run-guest.ts';

const policiesDir = join(import.meta.dirname, '..', '..', '..', 'policies');
const { signal } = new AbortController();
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'carapulse-policy-'));
});

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

async function policyOf(rego: string): Promise<OpaPolicy> {
  const dir = await mkdtemp(join(scratch, 'bundle-'));
  await writeFile(join(dir, 'rules.rego'), `package policy.assistant.v1\n\n${rego}\n`);
  return new OpaPolicy({ dir });
}

const allow = `{"decision": "allow", "reasons": [{"rule": "r", "message": "m"}], "constraints": [], "ttl_s": 5}`;

describe('the shipped rules', () => {
  let policy: OpaPolicy;

  beforeAll(() => {
    policy = new OpaPolicy({ dir: policiesDir, cacheDir: join(scratch, 'cache') });
  });

  test('ask one approver for an alert-triggered production revert at stage 1', async () => {
    const decision = await policy.decide(revertQuestion, signal);
    expect(decision).toEqual({
      decision: 'require_approval',
      reasons: [{ rule: 'stage_needs_approval', message: 'A medium risk write needs approval at stage 1' }],
      constraints: [
        { kind: 'allowed_paths', patterns: ['**'] },
        { kind: 'allowed_targets', patterns: ['git:production.git'] },
        { kind: 'approval_ttl', max_ms: 3_600_000 },
        { kind: 'max_files_changed', max: 20 },
        { kind: 'max_lines_changed', max: 500 },
        { kind: 'max_run_time', max_ms: 1_800_000 },
        { kind: 'max_write_steps', max: 5 },
        { kind: 'quorum', approvers: 1, distinct_groups: 0 },
        { kind: 'require_rollback' },
      ],
      ttl_s: 300,
      bundle_digest: policy.bundleDigest(),
    });
    expect(policy.bundleDigest()).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  test('deny what they do not know and keep answering', async () => {
    const unknown = {
      ...revertQuestion.action,
      input: { calls: [{ kind: 'write', tool: 'bash', action: 'run' }] },
    };
    const denied = await policy.decide({ ...revertQuestion, action: unknown }, signal);
    expect(denied.decision).toBe('deny');
    expect(denied.reasons.map(({ rule }) => rule)).toEqual(['unexpected_effect', 'unknown_tool']);
    expect((await policy.decide(revertQuestion, signal)).decision).toBe('require_approval');
  });

  test('deny a question that is not one', async () => {
    const denied = await policy.decide({ ...revertQuestion, stage: 1.5 }, signal);
    expect(denied.decision).toBe('deny');
    expect(denied.reasons[0]).toMatchObject({ rule: 'policy_unavailable' });
    expect(denied.reasons[0]?.message).toContain('/stage');
  });

  test('are explained by the rules that held', async () => {
    const explanation = await policy.explain(revertQuestion, signal);
    expect(explanation.decision).toEqual(await policy.decide(revertQuestion, signal));
    expect(explanation.fired).toContainEqual(
      expect.objectContaining({ rule: 'approval', file: 'write.rego' }),
    );
    expect(explanation.fired.some(({ rule }) => rule === 'deny')).toBe(false);
  });

  test('come from the cache at the next start, and a torn cache file is compiled again', async () => {
    await policy.decide(revertQuestion, signal);
    const tooShort = { ...GUEST_LIMITS, timeoutMs: 1 };
    const cached = new OpaPolicy({ dir: policiesDir, cacheDir: join(scratch, 'cache'), guest: tooShort });
    expect((await cached.decide(revertQuestion, signal)).decision).toBe('require_approval');

    const tornDir = join(scratch, 'torn');
    await cp(join(scratch, 'cache'), tornDir, { recursive: true });
    for (const file of await readdir(tornDir)) await truncate(join(tornDir, file), 1000);
    const torn = new OpaPolicy({ dir: policiesDir, cacheDir: tornDir });
    expect((await torn.decide(revertQuestion, signal)).decision).toBe('require_approval');
  });
});

describe('a policy that cannot decide denies', () => {
  test.each<[what: string, rego: string, message: string]>([
    ['rules that do not parse', 'decision := {', 'rules.rego:'],
    ['rules that do not type-check', 'decision := count(1)', 'rego_type_error'],
    ['no decision at all', 'other := 1', 'policy.assistant.v1.decision'],
    ['an undefined decision', 'decision := 1 if input.stage == 4', 'policy.assistant.v1.decision'],
    ['an answer of another shape', 'decision := "allow"', 'The answer of policy'],
    ['an answer without reasons', `decision := object.union(${allow}, {"reasons": []})`, '/reasons'],
    ['an unknown outcome', `decision := object.union(${allow}, {"decision": "maybe"})`, '/decision'],
    [
      'an unknown constraint',
      `decision := object.union(${allow}, {"constraints": [{"kind": "max_cost", "max": 1}]})`,
      '/constraints/0',
    ],
    ['an unknown field', `decision := object.union(${allow}, {"force": true})`, 'Unrecognized key'],
    [
      'two answers at once',
      `decision := ${allow} if input.stage == 1\ndecision := {} if input.stage == 1`,
      'conflict',
    ],
    ['an answer that takes too much memory', `decision := count(numbers.range(1, 100000000))`, ''],
    [
      'a builtin that reaches out',
      'decision := http.send({"method": "get", "url": "http://localhost"})',
      'http.send',
    ],
    ['a builtin that reads the clock', 'decision := time.now_ns()', 'time.now_ns'],
    ['a builtin that reads the environment', 'decision := opa.runtime()', 'opa.runtime'],
    ['a builtin that draws lots', 'decision := rand.intn("x", 2)', 'rand.intn'],
    ['a builtin that asks the network', 'decision := net.lookup_ip_addr("localhost")', 'net.lookup_ip_addr'],
  ])('%s', async (_what, rego, message) => {
    const faults: string[] = [];
    const dir = await mkdtemp(join(scratch, 'broken-'));
    await writeFile(join(dir, 'rules.rego'), `package policy.assistant.v1\n\n${rego}\n`);
    const policy = new OpaPolicy({ dir, onFault: (error) => faults.push(error.message) });
    const decision = await policy.decide(revertQuestion, signal);
    expect(decision.decision).toBe('deny');
    expect(decision.reasons.map(({ rule }) => rule)).toEqual(['policy_unavailable']);
    expect(decision.constraints).toEqual([]);
    expect(faults.join('\n')).toContain(message);
  });

  test('an absent directory', async () => {
    const policy = new OpaPolicy({ dir: join(scratch, 'absent') });
    const decision = await policy.decide(revertQuestion, signal);
    expect(decision).toMatchObject({ decision: 'deny', bundle_digest: 'none' });
    expect(decision.reasons[0]?.message).toContain('assistantctl policy test');
    expect(policy.bundleDigest()).toBeNull();
    await expect(policy.reload(signal)).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('a question that trapped leaves nothing behind for the next', async () => {
    const policy = await policyOf(
      `decision := object.union(${allow}, {"ttl_s": count(numbers.range(1, limit))})\nlimit := 100000000 if input.stage == 0\nlimit := 7 if input.stage != 0`,
    );
    expect((await policy.decide({ ...revertQuestion, stage: 0 }, signal)).decision).toBe('deny');
    expect(await policy.decide(revertQuestion, signal)).toMatchObject({ decision: 'allow', ttl_s: 7 });
  });

  test('a caller that has stopped', async () => {
    const policy = await policyOf(`decision := ${allow}`);
    const stopped = await policy.decide(revertQuestion, AbortSignal.abort());
    expect(stopped.reasons[0]).toMatchObject({ rule: 'policy_unavailable' });
    expect((await policy.decide(revertQuestion, signal)).decision).toBe('allow');
    await expect(policy.reload(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('a damaged artefact', async () => {
    const artifact = join(scratch, 'damaged.wasm');
    await cp(`${GUEST_LIMITS.artifact}.sha256.json`, `${artifact}.sha256.json`);
    await writeFile(`${artifact}.br`, 'not it');
    const faults: string[] = [];
    const policy = new OpaPolicy({
      dir: policiesDir,
      guest: { ...GUEST_LIMITS, artifact },
      onFault: (error) => faults.push(error.message),
    });
    expect((await policy.decide(revertQuestion, signal)).decision).toBe('deny');
    expect(faults.join('\n')).toContain('not the artefact that its manifest names');
  });

  test('an engine that does not finish, or lacks memory', async () => {
    for (const limits of [{ timeoutMs: 1 }, { maxMemoryBytes: 16 * 1024 * 1024 }]) {
      const policy = new OpaPolicy({ dir: policiesDir, guest: { ...GUEST_LIMITS, ...limits } });
      expect((await policy.decide(revertQuestion, signal)).reasons[0]).toMatchObject({
        rule: 'policy_unavailable',
      });
    }
  });
});

describe('reload', () => {
  test('puts the new bundle into force as a whole, and a broken one never', async () => {
    const dir = await mkdtemp(join(scratch, 'reload-'));
    const rules = join(dir, 'rules.rego');
    const write = (decision: string) =>
      writeFile(rules, `package policy.assistant.v1\n\ndecision := ${decision}\n`);
    await write(allow);
    const policy = new OpaPolicy({ dir });
    const first = await policy.reload(signal);
    expect(await policy.decide(revertQuestion, signal)).toMatchObject({
      decision: 'allow',
      bundle_digest: first,
    });

    await write(allow.replace('"allow"', '"deny"'));
    expect((await policy.decide(revertQuestion, signal)).decision).toBe('allow');
    const second = await policy.reload(signal);
    expect(second).not.toBe(first);
    expect(await policy.decide(revertQuestion, signal)).toMatchObject({
      decision: 'deny',
      bundle_digest: second,
    });

    await write('undefined_function(1)');
    await expect(policy.reload(signal)).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(/rules\.rego:3:13: rego_type_error/),
    });
    expect(policy.bundleDigest()).toBe(second);
    expect(await policy.decide(revertQuestion, signal)).toMatchObject({
      decision: 'deny',
      bundle_digest: second,
    });
  });

  test('a decision asked during the first load waits for it', async () => {
    const policy = await policyOf(`decision := ${allow}`);
    const reload = policy.reload(signal);
    expect(policy.bundleDigest()).toBeNull();
    expect(await policy.decide(revertQuestion, signal)).toMatchObject({ decision: 'allow' });
    expect(policy.bundleDigest()).toBe(await reload);
  });

  test('decisions asked during a reload are made by one bundle, wholly', async () => {
    const dir = await mkdtemp(join(scratch, 'swap-'));
    const write = async (ttl: number) => {
      await writeFile(join(dir, 'data.json'), JSON.stringify({ ttl }));
      await writeFile(
        join(dir, 'rules.rego'),
        `package policy.assistant.v1\n\ndecision := object.union(${allow}, {"ttl_s": data.ttl + ${ttl}})\n`,
      );
    };
    await write(10);
    const policy = new OpaPolicy({ dir });
    const digests = new Map([[await policy.reload(signal), 20]]);
    await write(30);
    const reload = policy.reload(signal);
    const over = reload.then(() => 'over');
    const seen = new Map<string, number>();
    for (;;) {
      const { bundle_digest: digest, ttl_s: ttl } = await policy.decide(revertQuestion, signal);
      seen.set(digest, ttl);
      if ((await Promise.race([over, setImmediate('waiting')])) === 'over') break;
    }
    digests.set(await reload, 60);
    const last = await policy.decide(revertQuestion, signal);
    seen.set(last.bundle_digest, last.ttl_s);
    expect(seen).toEqual(digests);
  });
});
