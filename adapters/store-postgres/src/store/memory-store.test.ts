import { createMemoryStore } from '@carapulse/operations/testing';
import { describe } from 'vitest';
import { effectSuite } from './suite-effects.ts';
import { executionSuite } from './suite-executions.ts';
import { planSuite } from './suite-plans.ts';
import { scheduleSuite } from './suite-schedules.ts';
import { streamSuite } from './suite-streams.ts';

describe("the in-memory store that core's tests use", () => {
  const subject = { database: null, store: createMemoryStore() };

  planSuite(() => subject);
  executionSuite(() => subject);
  streamSuite(() => subject);
  effectSuite(() => subject);
  scheduleSuite(() => subject);
});
