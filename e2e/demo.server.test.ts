import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDemoPlace, type DemoPlace } from './src/demo-place.ts';

let place: DemoPlace;
beforeEach(() => {
  place = openDemoPlace();
});
afterEach(() => place.close());

test.for([
  ['--deny', /Nothing was changed/],
  ['--bad-fix', /rolled back to the recorded state, and the incident stays open/],
  ['--other-cause', /No plan was forced/],
  ['--crash', /One effect, nothing lost/],
  ['--halt', /No write while halted/],
  ['--tamper', /Every attack was named/],
] as const)(
  '%s tells its story, twice in one place, and leaves nothing',
  { timeout: 400_000 },
  async ([variant, promise]) => {
    for (const again of [false, true]) {
      const { status, output } = await place.run(variant);
      expect(status, `${again ? 'second run: ' : ''}${output}`).toBe(0);
      expect(output).toMatch(promise);
      await place.expectClean();
    }
  },
);
