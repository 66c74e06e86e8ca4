import { describe, expect, test } from 'vitest';
import { applyBindings } from './apply-bindings.ts';
import type { Binding, ToolCall } from './check.ts';

const call = (binding: Partial<Binding>): ToolCall => ({
  tool: 't',
  action: 'a',
  input: { keep: 1, deep: { also: true } },
  definition_digest: 'd',
  bindings: [
    {
      pointer: '/deep/revision',
      from_step: 's',
      from_pointer: '/tip',
      bounds: { type: 'string', max_length: 8, charset: 'hex' },
      ...binding,
    },
  ],
});

describe('applyBindings', () => {
  test('puts the value where the binding says and leaves the rest', () => {
    expect(applyBindings(call({}), { s: { tip: 'abc123' } })).toEqual({
      keep: 1,
      deep: { also: true, revision: 'abc123' },
    });
  });

  test.each([
    ['missing step', {}, {}],
    ['missing value', {}, { s: {} }],
    ['too long', {}, { s: { tip: 'abcdef123' } }],
    ['wrong characters', {}, { s: { tip: '-rf' } }],
    ['wrong type', {}, { s: { tip: 7 } }],
    [
      'a flag as a name',
      { bounds: { type: 'string' as const, max_length: 9, charset: 'name' as const } },
      { s: { tip: '--x' } },
    ],
    [
      'a newline as text',
      { bounds: { type: 'string' as const, max_length: 9, charset: 'text' as const } },
      { s: { tip: 'a\nb' } },
    ],
    ['an integer out of range', { bounds: { type: 'integer' as const, min: 1, max: 3 } }, { s: { tip: 4 } }],
    ['a fraction', { bounds: { type: 'integer' as const, min: 1, max: 3 } }, { s: { tip: 1.5 } }],
    ['the prototype', { pointer: '/__proto__/x' }, { s: { tip: 'ab' } }],
  ])('refuses %s', (_name, binding, outputs) => {
    expect(() => applyBindings(call(binding), outputs)).toThrow(
      expect.objectContaining({ code: 'verification_failed' }),
    );
  });
});
