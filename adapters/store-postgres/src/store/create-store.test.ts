import { afterAll, beforeAll, describe } from 'vitest';
import { openTestStore, type TestStore } from '../testing/open-test-store.ts';
import { effectSuite } from './suite-effects.ts';
import { executionSuite } from './suite-executions.ts';
import { planSuite } from './suite-plans.ts';
import { scheduleSuite } from './suite-schedules.ts';
import { streamSuite } from './suite-streams.ts';

describe('store on the embedded database', () => {
  let subject: TestStore;

  beforeAll(async () => {
    subject = await openTestStore();
  });
  afterAll(() => subject.dispose());

  planSuite(() => subject);
  executionSuite(() => subject);
  streamSuite(() => subject);
  effectSuite(() => subject);
  scheduleSuite(() => subject);
});
