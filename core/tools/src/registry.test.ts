import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { describeCall } from './describe-call.ts';
import { definitionDigest } from './definition-digest.ts';
import { createToolRegistry } from './registry.ts';
import { noteTool } from './router-harness.testing.ts';
import { shellLine } from './shell-quote.ts';
import { TOOLS } from './tools/tool-list.ts';

const note = { note: { shelf: 'top' } };

describe('the registry', () => {
  test('lists what is configured and says what is not', () => {
    const registry = createToolRegistry([noteTool('unsafe')], note);
    expect(registry.list().map((item) => `${item.tool}.${item.action.name}`)).toEqual([
      'note.read',
      'note.write',
    ]);
    expect(() => createToolRegistry([noteTool('unsafe')], {}).find('note', 'read')).toThrow(
      /connectors.note/,
    );
  });

  test('refuses sections that fit no tool or not their schema', () => {
    expect(() => createToolRegistry([], note)).toThrow(/connectors.note is no tool/);
    expect(() => createToolRegistry([noteTool('unsafe')], { note: { shelf: 1 } })).toThrow(
      /connectors.note is not valid at \/shelf/,
    );
  });

  test('refuses an observable write that cannot be observed', () => {
    const tool = noteTool('observable');
    const blind = {
      ...tool,
      actions: tool.actions.map((action) =>
        Object.fromEntries(Object.entries(action).filter(([key]) => key !== 'observe')),
      ),
    } as unknown as typeof tool;
    expect(() => createToolRegistry([blind], note)).toThrow(/must implement observe/);
  });

  test('every tool of the product has sound actions and a JSON schema for each', () => {
    const empty = {
      alertmanager: { instances: {} },
      git: { repositories: {} },
      http: { endpoints: {} },
      prometheus: { instances: {} },
    };
    const listed = createToolRegistry(TOOLS, empty).list();
    expect(new Set(TOOLS.map((tool) => tool.name)).size).toBe(TOOLS.length);
    for (const { action, tool } of listed) {
      expect(action.transports.length, `${tool}.${action.name}`).toBeGreaterThan(0);
      expect(z.toJSONSchema(action.input, { io: 'input', unrepresentable: 'any' })).toBeTypeOf('object');
    }
    expect(
      listed.filter((item) => item.action.kind === 'write').map((item) => `${item.tool}.${item.action.name}`),
    ).toEqual([
      'alertmanager.expire_silence',
      'alertmanager.silence',
      'git.commit',
      'git.propose',
      'git.revert',
      'git.withdraw',
    ]);
  });
});

describe('the definition digest', () => {
  const digest = (tool: ReturnType<typeof noteTool>, section = note, action = 'write'): string =>
    createToolRegistry([tool], section).find('note', action).digest;

  test('is stable, and changes with repeat class, revision and settings', () => {
    const one = digest(noteTool('keyed'));
    expect(digest(noteTool('keyed'))).toBe(one);
    expect(digest(noteTool('unsafe'))).not.toBe(one);
    expect(digest(noteTool('keyed', 2))).not.toBe(one);
    expect(digest(noteTool('keyed'), { note: { shelf: 'bottom' } })).not.toBe(one);
    expect(digest(noteTool('keyed'), note, 'read')).not.toBe(one);
  });

  test.each(['timeoutMs', 'maxOutputBytes', 'input', 'output'] as const)('changes with %s', (field) => {
    const action = noteTool('keyed').actions[0];
    if (action === undefined) throw new Error('the tool has actions');
    const changed = {
      ...action,
      [field]: field === 'input' || field === 'output' ? z.strictObject({ a: z.int() }) : 7,
    };
    expect(definitionDigest('note', changed, {})).not.toBe(definitionDigest('note', action, {}));
  });
});

test('a planner is told what a call would be', () => {
  const registry = createToolRegistry([noteTool('keyed')], note);
  const call = (word: string) => ({ tool: 'note', action: 'write', input: { word } });
  expect(describeCall(registry, call('x'))).toMatchObject({
    kind: 'write',
    repeat: 'keyed',
    definitionDigest: registry.find('note', 'write').digest,
    input: { word: 'x' },
    effects: [{ kind: 'http_send', target: 'note:word', method: 'PUT' }],
  });
  expect(() => describeCall(registry, call('--flag'))).toThrow(/note.write/);
  expect(describeCall(createToolRegistry([], {}), call('x'))).toBeNull();
});

test('a shell line quotes what a shell would read', () => {
  expect(shellLine(['git', 'a b', "it's", '$(x)', 'a=b', ''])).toBe(`git 'a b' 'it'\\''s' '$(x)' a=b ''`);
});
