import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDemoPlace, type DemoPlace } from './src/demo-place.ts';
import { runDemo } from './src/demo-run.ts';

let place: DemoPlace;
beforeEach(() => {
  place = openDemoPlace();
});
afterEach(() => place.close());

test('the demo ends well over a run that was killed before, and leaves nothing running', async () => {
  const killed = await runDemo(place.directory, [], /opens an incident/);
  expect(killed.signal).toBe('SIGKILL');
  const { status, output } = await place.run();
  expect(status, output).toBe(0);
  expect(output).toMatch(/GET \/checkout answers 5\d\d/);
  expect(output).toMatch(/GET \/checkout answers 200/);
  await place.expectClean();
});

test('a busy port is named, with what to do', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const { status, output } = await place.run('--port', String(port));
    expect(status, output).toBe(1);
    expect(output).toContain(`Port ${port} on 127.0.0.1 is taken`);
    expect(output).toContain('--port 0');
    await place.expectClean();
  } finally {
    taken.close();
  }
});

test('a directory that may not be written is refused by name', async () => {
  mkdirSync(place.directory);
  chmodSync(place.directory, 0o500);
  const { status, output } = await runDemo(join(place.directory, 'below'), []);
  expect(status, output).toBe(1);
  expect(output).toContain(`Cannot make the demo's directory ${join(place.directory, 'below')}`);
  expect(output).toContain('--directory');
  await place.expectClean();
});

test('two stories at once are refused', async () => {
  const { status, output } = await place.run('--crash', '--deny');
  expect(status).toBe(1);
  expect(output).toContain('Choose one story');
});
