import type { DocumentScalar } from '@carapulse/kernel';
import { expect, test } from 'vitest';
import { yamlDocumentEditor } from './replace-scalar.ts';

const edit = (text: string, pointer: string, value: DocumentScalar, fileName = 'values.yaml') =>
  yamlDocumentEditor.replaceScalar(text, { fileName, pointer, value });
const VALUES = `# Values of the shop
image:
  repository: registry.example/shop   # where from
  tag: 1.0.0 # the release
  'odd/key': "1"
list: [a,  'b' , c]
images:
- name: web
  newTag:   '1'
- {name: api, newTag: 2}
text: |
  tag: 1.0.0
`;

test.each<[string, DocumentScalar, string, string]>([
  ['/image/tag', '1.1.0', 'tag: 1.0.0 # the', 'tag: 1.1.0 # the'],
  ['/image/tag', '1.1', 'tag: 1.0.0 # the', "tag: '1.1' # the"],
  ['/image/tag', 'true', 'tag: 1.0.0 # the', "tag: 'true' # the"],
  ['/image/tag', 'a # b', 'tag: 1.0.0 # the', "tag: 'a # b' # the"],
  ['/image/tag', 'a: b', 'tag: 1.0.0 # the', "tag: 'a: b' # the"],
  ['/image/tag', '', 'tag: 1.0.0 # the', "tag: '' # the"],
  ['/image/tag', 3, 'tag: 1.0.0 # the', 'tag: 3 # the'],
  ['/image/tag', false, 'tag: 1.0.0 # the', 'tag: false # the'],
  ['/image/odd~1key', '2', '\'odd/key\': "1"', '\'odd/key\': "2"'],
  ['/image/odd~1key', 2, '\'odd/key\': "1"', "'odd/key': 2"],
  ['/list/1', "it's", "'b'", "'it''s'"],
  ['/list/2', 'd, e', ', c]', ", 'd, e']"],
  ['/images/0/newTag', '2', "newTag:   '1'", "newTag:   '2'"],
  ['/images/1/newTag', '3', 'newTag: 2}', "newTag: '3'}"],
])('%s becomes %j, and nothing else', (pointer, value, from, to) => {
  expect(edit(VALUES, pointer, value)).toMatchObject({ kind: 'edited', text: VALUES.replace(from, to) });
});

test('tells what was there', () => {
  expect(edit(VALUES, '/images/1/newTag', 3)).toMatchObject({ before: 2 });
  expect(edit('a: ~\n', '/a', 'x')).toEqual({ kind: 'edited', text: 'a: x\n', before: null });
});

test.each<[string, string, DocumentScalar, string]>([
  [VALUES, '/image/tag', '1.0.0', 'same_value'],
  [VALUES, '/image/none', 'x', 'pointer_missing'],
  [VALUES, '/none/tag', 'x', 'pointer_missing'],
  [VALUES, '/image/tag/x', 'x', 'pointer_missing'],
  [VALUES, '/list/3', 'x', 'pointer_missing'],
  [VALUES, '/list/-', 'x', 'pointer_missing'],
  [VALUES, '/list/01', 'x', 'pointer_missing'],
  [VALUES, '', 'x', 'pointer_missing'],
  [VALUES, '/image', 'x', 'not_a_scalar'],
  [VALUES, '/list', 'x', 'not_a_scalar'],
  ['a: &x 1\nb: *x\n', '/a', 2, 'shared_value'],
  ['a: &x 1\nb: *x\n', '/b', 2, 'shared_value'],
  ['a: &x {c: 1}\nb: *x\n', '/a/c', 2, 'shared_value'],
  ['a: &x {c: 1}\nb: *x\n', '/b/c', 2, 'shared_value'],
  ['a: !t 1\n', '/a', 2, 'unreadable'],
  ['a: 1\n---\na: 2\n', '/a', 3, 'unreadable'],
  ['a: 1\na: 2\n', '/a', 3, 'unreadable'],
  ['a: [1\n', '/a/0', 3, 'unreadable'],
  ['a:\nb: 1\n', '/a', 'x', 'not_exact'],
])('%j at %s to %j is refused as %s', (text, pointer, value, reason) => {
  expect(edit(text, pointer, value)).toMatchObject({ kind: 'refused', reason });
});

test('a text over several lines can be replaced by one line', () => {
  expect(edit(VALUES, '/text', 'tag: 2')).toMatchObject({
    text: VALUES.replace('|\n  tag: 1.0.0\n', "'tag: 2'"),
  });
});

test('JSON stays JSON', () => {
  const json = '{\n\t"image": {"tag": "1.0.0", "n": 1}\n}\n';
  const to = (pointer: string, value: DocumentScalar) => edit(json, pointer, value, 'values.json');
  expect(to('/image/tag', '1.1.0')).toMatchObject({ text: json.replace('1.0.0', '1.1.0') });
  expect(to('/image/n', 'two')).toMatchObject({ text: json.replace('1}', '"two"}') });
  expect(edit('{"a": 1, // no\n}', '/a', 2, 'values.json')).toMatchObject({ reason: 'unreadable' });
  expect(edit('a: 1', '/a', 2, 'values.json')).toMatchObject({ reason: 'unreadable' });
});
