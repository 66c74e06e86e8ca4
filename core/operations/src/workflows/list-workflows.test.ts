import { expect, it } from 'vitest';
import { invoke } from '../operation.ts';
import { createHarness } from '../testing/index.ts';
import { listWorkflows } from './list-workflows.ts';

it('lists every workflow with the schema of its input', async () => {
  const harness = createHarness();
  const workflows = await invoke(listWorkflows, harness.as({ id: 'user:olga', roles: ['observer'] }), {});
  expect(workflows.find(({ name }) => name === 'revert-commit')).toMatchObject({
    version: 1,
    inputSchema: { type: 'object', required: ['repository', 'commit'], additionalProperties: false },
  });
});
