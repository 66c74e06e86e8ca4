import { ROLE_PERMISSIONS } from '@carapulse/governance';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { apiScenes, type Scene, type SceneRequest } from './src/api-scenes.ts';
import { apiOperations, send, type Answer, type ApiOperation } from './src/api.ts';
import type { Assistant } from './src/assistant.ts';
import { undocumented } from './src/documented-answer.ts';
import { openWorld, type World } from './src/world.ts';

const OPERATIONS = apiOperations();
const ROLES = [
  { role: 'admin', who: 'ada' },
  { role: 'operator', who: 'alice' },
  { role: 'developer', who: 'dev' },
  { role: 'observer', who: 'olga' },
  { role: 'anonymous', who: null },
] as const;

let world: World;
let assistant: Assistant;
let scenes: Readonly<Record<string, Scene>>;
beforeAll(async () => {
  world = await openWorld();
  assistant = await world.start();
  scenes = await apiScenes(world, assistant);
});
afterAll(() => world.close());

async function ask(
  who: string | null,
  { method, path }: ApiOperation,
  { params = {}, query = {}, body }: SceneRequest,
): Promise<Answer> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => params[name] ?? name);
  const asked = new URLSearchParams(query).toString();
  return send(assistant.url, method, asked === '' ? filled : `${filled}?${asked}`, {
    headers: {
      ...(who !== null && { authorization: `Bearer ${await assistant.token(who)}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

test('every role of the product is asked as', () => {
  expect(ROLES.map(({ role }) => role).toSorted()).toEqual(Object.keys(ROLE_PERMISSIONS).toSorted());
});

test('no scene is of an operation that the document has no more', () => {
  expect(Object.keys(scenes).toSorted()).toEqual(OPERATIONS.map(({ id }) => id).toSorted());
});

test.for(OPERATIONS)(
  '$id succeeds as documented for whoever has $permission, for nobody else',
  async (operation) => {
    const scene = scenes[operation.id];
    if (scene === undefined) throw new Error(`${operation.id} has no scene in which it succeeds.`);
    const may = ({ role }: (typeof ROLES)[number]): boolean =>
      operation.permission === 'public' ||
      (ROLE_PERMISSIONS[role] as readonly string[]).includes(operation.permission);
    const allowed = ROLES.filter(may);
    const refused = ROLES.filter((each) => !may(each));
    expect(allowed, `roles that may ${operation.permission}`).not.toEqual([]);
    for (const [index, { who }] of allowed.entries()) {
      const request = await scene(who ?? '');
      // What succeeds for one is refused to all who may not, and is still there to succeed afterwards.
      for (const other of index === 0 ? refused : []) {
        const answer = await ask(other.who, operation, request);
        expect(answer.status, `${operation.id} as ${other.role}`).toBe(other.who === null ? 401 : 403);
        expect(undocumented(operation, answer)).toBeNull();
      }
      const answer = await ask(who, operation, request);
      expect(answer.status, `${operation.id} as ${who}: ${answer.text}`).toBeLessThan(300);
      expect(undocumented(operation, answer)).toBeNull();
    }
  },
);
