import type { JsonObject } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { withAssignments } from './workflow-input.ts';

const SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    kind: { enum: ['a', 'b'], type: 'string' },
    replicas: { type: 'integer' },
    wait: { type: 'boolean' },
    values: {
      type: 'object',
      propertyNames: { type: 'string' },
      additionalProperties: { $ref: '#/$defs/json' },
    },
    metric: { type: 'object', properties: { query: { type: 'string' }, value: { type: 'number' } } },
    forge: {
      oneOf: [
        { type: 'object', properties: { kind: { type: 'string' }, checks: { type: 'array' } } },
        { type: 'object', properties: { kind: { type: 'string' }, within: { type: 'integer' } } },
      ],
    },
  },
};
const set = (...assignments: string[]) => withAssignments({ name: 'x' }, assignments, SCHEMA);

describe('--set', () => {
  it('reads each value by the type of its field, and goes before what a file says', () => {
    expect(
      set('name=5', 'kind=a', 'replicas=5', 'wait=true', 'metric.query=a=b', 'metric.value=1.5'),
    ).toEqual({
      name: '5',
      kind: 'a',
      replicas: 5,
      wait: true,
      metric: { query: 'a=b', value: 1.5 },
    });
  });

  it('knows the fields of each form that an object may have', () => {
    expect(set('forge.kind=1', 'forge.checks=["a"]', 'forge.within=5')).toEqual({
      name: 'x',
      forge: { kind: '1', checks: ['a'], within: 5 },
    });
    expect(set('forge={"kind":"b"}')).toMatchObject({ forge: { kind: 'b' } });
    expect(set('forge.none=5')).toMatchObject({ forge: { none: '5' } });
  });

  it('reads JSON in what holds fields of any name, at any depth', () => {
    expect(set('values.replicas=3', 'values.image.tag="1.10"', 'values.on=true')).toEqual({
      name: 'x',
      values: { replicas: 3, image: { tag: '1.10' }, on: true },
    });
  });

  it('leaves a field that the workflow does not know to the server, which names it', () => {
    expect(set('nmae=5')).toEqual({ name: 'x', nmae: '5' });
    expect(set('constructor=5')).toEqual({ name: 'x', constructor: '5' });
  });

  it.each([
    ['replicas', 'write field=value'],
    ['=5', 'write field=value'],
    ['metric..value=5', 'write field=value'],
    ['replicas=five', '--set replicas=five: "five" is no integer'],
    ['name.first=x', 'name has no fields'],
    ['values.image.tag=1.1.0', `"1.1.0" is not JSON; a text has quotes: '"1.1.0"'`],
    ['values.image.tag=1.10', `as a number this is 1.1; write it so, or as a text: '"1.10"'`],
    ['values.id=9007199254740993', 'as a number this is 9007199254740992'],
    ['replicas=1e400', 'as a number this is Infinity'],
  ])('refuses %s', (assignment, message) => {
    expect(() => set(assignment)).toThrow(message);
  });
});
