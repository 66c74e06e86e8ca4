import { AppError, type JsonValue } from '@carapulse/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePlaybook } from './parse-playbook.ts';
import { DOCUMENT, loadFixture } from './testing.ts';

function faults(document: unknown): readonly string[] {
  try {
    parsePlaybook({
      document: document as JsonValue,
      file: 'take-back.yaml',
      locate: (pointer) => (pointer.split('/').length <= 3 ? { line: pointer.length + 1, column: 2 } : null),
    });
    return [];
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_input')
      return error.errors.map((fault) => fault.detail);
    throw error;
  }
}
const changed = (change: Readonly<Record<string, unknown>>) => faults({ ...DOCUMENT, ...change });
const [look, revert] = DOCUMENT.steps;
const [check] = DOCUMENT.checks;

describe('parsePlaybook', () => {
  it('takes the fixture and gives it a digest that layout does not change and content does', () => {
    expect(faults(DOCUMENT)).toEqual([]);
    const reordered = Object.fromEntries(Object.entries(DOCUMENT).toReversed());
    expect(parsePlaybook({ document: reordered, file: 'f', locate: () => null }).digest).toBe(
      loadFixture().digest,
    );
    expect(loadFixture({ max_run: '6m' }).digest).not.toBe(loadFixture().digest);
  });

  it('names file, line and column, of the nearest place that is known', () => {
    expect(changed({ max_run: 'soon' })).toEqual([
      'take-back.yaml:9:2: /max_run: a duration such as 250ms, 30s, 10m or 1h',
    ]);
    expect(
      changed({
        steps: [look, { ...revert, call: { tool: 'git', action: 'revert', input: {}, shell: 'x' } }],
      }),
    ).toEqual(['take-back.yaml:9:2: /steps/1/call/shell: there is no field shell here']);
  });

  it.each([
    ['a field that does not exist', { stepz: [] }, 'there is no field stepz here'],
    [
      'a check that waits for something other than a number',
      {
        checks: [
          { ...check, samples: { required: 1, interval: '1s', within: { $ref: 'parameters.commit' } } },
        ],
      },
      'parameters.commit is not an integer parameter',
    ],
    [
      'a check that waits for what is read only later',
      {
        checks: [{ ...check, samples: { required: 1, interval: '1s', within: { $ref: 'plan.created_at' } } }],
      },
      'plan.created_at is not an integer parameter',
    ],
    [
      'a check that waits for no time at all',
      { checks: [{ ...check, samples: { required: 1, interval: '1s', within: 'long' } }] },
      'a duration such as 30s or 10m, or a $ref',
    ],
    [
      'a check that compares with no step',
      {
        checks: [
          {
            ...check,
            expect: [
              {
                pointer: '/value',
                op: 'lte',
                relative: { from_step: 'nope', from_pointer: '/value', factor: 1, plus: 0 },
              },
            ],
          },
        ],
      },
      'there is no step nope',
    ],
    ['a playbook that matches everything', { match: {} }, 'matches everything'],
    [
      'a reference to a parameter that is not there',
      { conditions: [{ of: { $ref: 'parameters.nope' }, op: 'exists', otherwise: 'x' }] },
      'parameters.nope names no parameter or earlier read',
    ],
    [
      'a reference to a read that comes later',
      {
        reads: [
          { id: 'a', call: { tool: 'git', action: 'log', input: { x: { $ref: 'reads.b/x' } } } },
          { id: 'b', call: { tool: 'git', action: 'log', input: {} } },
        ],
        conditions: [],
        steps: [look],
      },
      'reads.b/x names no parameter or earlier read',
    ],
    [
      'a reference beside other fields',
      {
        steps: [
          {
            ...look,
            call: { tool: 'http', action: 'probe', input: { url: { $ref: 'parameters.commit', and: 1 } } },
          },
        ],
      },
      'a $ref stands alone',
    ],
    [
      'a reference that is no text',
      { steps: [{ ...look, call: { tool: 'http', action: 'probe', input: { url: { $ref: 1 } } } }] },
      'a $ref stands alone',
    ],
    [
      'an unknown name in a text for people',
      { summary: 'Take {nothing} back' },
      '{nothing} names no parameter',
    ],
    ['two steps of one name', { steps: [look, look] }, 'look is used twice'],
    ['steps in a circle', { steps: [{ ...look, depends_on: ['look'] }] }, 'look → look'],
    [
      'a text parameter without a charset',
      { parameters: { ...DOCUMENT.parameters, x: { type: 'string', from: { alert_label: 'x' } } } },
      '/parameters/x/charset',
    ],
    ['a duration beyond a day', { expires_in: '25h' }, 'at most 24h'],
  ])('refuses %s', (_, change, message) => {
    expect(changed(change).join('\n')).toContain(message);
  });

  it('answers any document with a playbook or with placed faults', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(DOCUMENT)), (value, key) => {
        for (const fault of [...faults(value), ...changed({ [key]: value })])
          expect(fault).toMatch(/^take-back\.yaml:\d+:\d+: /);
      }),
    );
  });
});
