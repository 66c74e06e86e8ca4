import { AppError } from '@carapulse/kernel';
import * as fc from 'fast-check';
import { stringify } from 'yaml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseYamlAs } from './yaml-as.ts';
import { parseYamlDocument } from './yaml-document.ts';

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_input') return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseYamlDocument', () => {
  test('gives the value and the place of each part', () => {
    const document = parseYamlDocument(
      'name: a\nsteps:\n  - tool: git\n    "x/y": 1\n  - {tool: http}\n',
      'p.yaml',
    );
    expect(document.value).toEqual({ name: 'a', steps: [{ tool: 'git', 'x/y': 1 }, { tool: 'http' }] });
    expect(document.locate('/name')).toEqual({ line: 1, column: 7 });
    expect(document.locate('/name', 'key')).toEqual({ line: 1, column: 1 });
    expect(document.locate('/steps/0/x~1y')).toEqual({ line: 4, column: 12 });
    expect(document.locate('/steps/1/tool', 'key')).toEqual({ line: 5, column: 6 });
    expect(document.locate('/steps/1/missing')).toEqual({ line: 5, column: 5 });
    expect(document.locate('/nowhere/at/all')).toEqual({ line: 1, column: 1 });
  });

  const bomb = `a0: &a0 [x, x]\n${Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`).join('\n')}\n`;
  test.each([
    ['a key twice', 'a: 1\nb: 2\na: 3\n', /^p\.yaml:3:1: this key stands twice/],
    ['a key twice in flow', 'x: {a: 1, a: 2}\n', /^p\.yaml:1:11: this key stands twice/],
    ['a tag', 'a: !!python/object:os.system x\n', /^p\.yaml:1:4: tags/],
    ['a standard tag', 'a: !!binary aGk=\n', /^p\.yaml:1:4: tags/],
    ['a local tag', 'a: !secret x\n', /^p\.yaml:1:4: tags/],
    ['two documents', 'a: 1\n---\nb: 2\n', /^p\.yaml:[23]:\d+: a second document/],
    ['an alias bomb', bomb, /aliases/],
    ['an alias of itself', 'a: &a [*a]\n', /p\.yaml:\d+:\d+: /],
    ['an unknown alias', 'a: *b\n', /^p\.yaml:1:4: /],
    ['a key that is a number', 'a:\n  1: x\n', /^p\.yaml:2:3: keys are strings/],
    ['a number without JSON form', 'a: .nan\n', /^p\.yaml:1:4: this number/],
    ['a number that would be rounded', 'a: 12345678901234567890\n', /^p\.yaml:1:4: this number/],
    ['an unclosed bracket', 'a: [1, 2\n', /^p\.yaml:\d+:\d+: /],
    ['a tab for indentation', 'a:\n\tb: 1\n', /^p\.yaml:2:\d+: /],
    ['nothing', '', /empty/],
    ['too much', `a: ${'x'.repeat(1_100_000)}`, /at most 1048576/],
    ['great depth', '['.repeat(200_000), /nested more than 64/],
    ['great depth over lines', '[\n'.repeat(200_000), /nested more than 64/],
    ['some depth', `${'['.repeat(100)}${']'.repeat(100)}`, /nested more than 64/],
    [
      'block depth',
      Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      /nested more than 64/,
    ],
    ['depth in one block line', `${'- '.repeat(100_000)}x`, /nested more than 64/],
    ['depth of question marks', `${'? '.repeat(100_000)}x`, /nested more than 64/],
  ])('refuses %s', (_, text, message) => {
    expect(refusal(() => parseYamlDocument(text, 'p.yaml'))).toMatch(message);
  });

  test('YAML 1.1 traps and merge keys are plain data', () => {
    expect(
      parseYamlDocument('a: no\nb: 0777\nc: 12:30\n"<<": x\n__proto__: {p: 1}\n', 'p.yaml').value,
    ).toEqual(JSON.parse('{"a":"no","b":777,"c":"12:30","<<":"x","__proto__":{"p":1}}'));
  });

  test('a few aliases are read', () => {
    expect(parseYamlDocument('a: &x {k: 1}\nb: *x\n', 'p.yaml').value).toEqual({ a: { k: 1 }, b: { k: 1 } });
  });

  test('any JSON comes back from its YAML, and any text parses or is refused', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value), (_, v: unknown) =>
          typeof v === 'number' ? 1 : v,
        );
        expect(parseYamlDocument(stringify(plain), 'p.yaml').value).toEqual(plain);
      }),
    );
    const piece = fc.constantFrom(...'{}[]:,-?&*!|>%@`"\'# \n\tab1~.<'.split(''));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
        try {
          JSON.stringify(parseYamlDocument(parts.join(''), 'p.yaml').value);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).message).toMatch(/^p\.yaml:\d+:\d+: /);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parseYamlAs', () => {
  const Step = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('read'), tool: z.string(), timeout_ms: z.int().optional() }),
    z.strictObject({ kind: z.literal('write'), tool: z.string(), rollback: z.string() }),
  ]);
  const Playbook = z.strictObject({
    name: z.string().min(1),
    risk: z.enum(['low', 'medium', 'high']).default('low'),
    labels: z.record(z.string(), z.strictObject({ value: z.string() })).optional(),
    steps: z.array(Step).min(1),
  });

  test('lists every fault with its place and what was meant', () => {
    const text = [
      'nmae: x',
      'risk: hgih',
      'labels:',
      '  a: {vlaue: b}',
      'steps:',
      '  - kind: read',
      '    tool: git',
      '    timeout_sm: 5',
      '  - kind: write',
      '    tool: 7',
      '    zzz: 1',
    ].join('\n');
    expect(refusal(() => parseYamlAs(Playbook, text, 'p.yaml')).split('\n')).toEqual([
      'p.yaml:1:1: "name" is missing',
      'p.yaml:1:1: unknown key "nmae"; did you mean "name"?',
      'p.yaml:2:7: "risk" is "hgih"; it has to be "low" or "medium" or "high"; did you mean "high"?',
      'p.yaml:4:6: "value" is missing',
      'p.yaml:4:7: unknown key "vlaue"; did you mean "value"?',
      'p.yaml:8:5: unknown key "timeout_sm"; did you mean "timeout_ms"?',
      'p.yaml:9:5: "rollback" is missing',
      'p.yaml:10:11: "steps.1.tool": Invalid input: expected string, received number',
      'p.yaml:11:5: unknown key "zzz"; known here: kind, tool, rollback',
    ]);
  });

  test('the faults carry pointers', () => {
    try {
      parseYamlAs(Playbook, 'name: x\nsteps: []\nextra: 1\n', 'p.yaml');
      expect.unreachable();
    } catch (error) {
      expect((error as AppError).errors.map((fault) => fault.pointer)).toEqual(['/steps', '/extra']);
    }
  });

  test('a valid document comes with defaults and places', () => {
    const parsed = parseYamlAs(Playbook, 'name: x\nsteps: [{kind: read, tool: git}]\n', 'p.yaml');
    expect(parsed.value.risk).toBe('low');
    expect(parsed.locate('/steps/0/tool')).toEqual({ line: 2, column: 28 });
  });

  test('a plain union tells the faults of its nearest branch', () => {
    const schema = z.strictObject({ a: z.union([z.string(), z.strictObject({ env: z.string() })]) });
    expect(refusal(() => parseYamlAs(schema, 'a: {evn: X}\n', 'c.yaml'))).toContain('did you mean "env"?');
  });
});
