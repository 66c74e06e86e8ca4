import { expect, test } from 'vitest';
import { compareManifests, shownManifest } from './compare-manifests.ts';

const deployment = (env: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  containers:\n    - name: web\n      env:\n${env}\n      image: web:1\n`;

test.each([
  ['after its name', '        - name: DB_PASSWORD\n          value: S3CR3T'],
  ['before its name', '        - value: S3CR3T\n          name: DB_PASSWORD'],
  ['quoted', `        - "name": "DB_PASSWORD"\n          'value': "S3CR3T"`],
  [
    'of several lines',
    '        - name: API_TOKEN\n          value: |\n            S3CR3T\n\n            S3CR3T',
  ],
  ['on one line', '        - {name: API_TOKEN, value: "S3CR3T"}'],
  ['on one line, first', "        - {'value': S3CR3T, 'name': API_TOKEN}"],
  [
    'at the dashes of its list',
    '      - name: OTHER\n        value: x\n      - name: DB_PASSWORD\n        value: S3CR3T',
  ],
])('a value beside the name of a secret is not shown: %s', (_, env) => {
  const shown = shownManifest(deployment(env));
  expect(shown).not.toContain('S3CR3T');
  expect(shown).toContain('[masked]');
  expect(shown).toContain('image: web:1');
});

test('what stands beside other names is shown', () => {
  const env =
    '        - name: LOG\n          value: shown1\n        - name: DB_PASSWORD\n          valueFrom:\n            secretKeyRef: {name: db, key: password}\n        - name: MODE\n          value: shown2';
  expect(shownManifest(deployment(env))).toBe(`---\n${deployment(env).trimEnd()}\n`);
});

test('a comparison tells that it differs, and not from what', () => {
  const env = (value: string): string =>
    `        - name: A_TOKEN\n          value: same\n        - name: DB_PASSWORD\n          value: ${value}`;
  const [found] = compareManifests(deployment(env('hunter2')), deployment(env('hunter3')), {
    namespace: 'shop',
    labels: { from: '', to: '' },
  });
  expect(found?.diff).toContain('-          value: [masked]\n+          value: [masked: differs]');
  expect(found?.diff).not.toMatch(/hunter/);
});
