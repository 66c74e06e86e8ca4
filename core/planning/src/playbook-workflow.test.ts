import type { JsonObject } from '@carapulse/kernel';
import { toAppError } from '@carapulse/kernel';
import { describe, expect, it } from 'vitest';
import { matchPlaybooks } from './match-playbooks.ts';
import { parsePlaybook, type LoadedPlaybook } from './parse-playbook.ts';
import { planFromPlaybook } from './plan-from-playbook.ts';
import {
  ALERT,
  COMMIT,
  DOCUMENT,
  FINDING,
  INCIDENT,
  NOW,
  PREVIEW,
  PROFILE,
  CATALOGUE,
  lenientCatalogue,
} from './testing.ts';
import type { ToolCatalogue } from './ports.ts';

const { reads: _r, steps: _s, checks: _c, conditions: _k, expires_in: _e, max_run: _m, ...HEAD } = DOCUMENT;
const WORKFLOW = {
  name: 'revert-commit',
  input: { repository: { $ref: 'parameters.repository' }, commit: { $ref: 'parameters.commit' } },
};
const parse = (change: Readonly<Record<string, unknown>> = {}): LoadedPlaybook =>
  parsePlaybook({
    document: { ...HEAD, workflow: WORKFLOW, ...change },
    file: 'take-back.yaml',
    locate: () => null,
  });
const faults = (change: Readonly<Record<string, unknown>>): readonly string[] => {
  try {
    parse(change);
    return [];
  } catch (error) {
    return toAppError(error).errors.map(({ pointer, detail }) => `${pointer} ${detail}`);
  }
};

/** The catalogue's actions by the names that the real tool has for them; the fixture's schemas know no branch. */
const catalogue: ToolCatalogue = {
  describe: async (call, signal) => {
    if (call.action === 'revert') return CATALOGUE.describe(call, signal);
    const known = lenientCatalogue(({ tool, action }) => {
      if (action === 'resolve') return 'http.probe';
      return `${tool}.${action === 'revert_preview' ? 'preview' : action}`;
    });
    return known.describe(call, signal);
  },
};

async function plan(loaded: LoadedPlaybook) {
  const given = { incident: INCIDENT, alerts: [ALERT], profile: PROFILE };
  const [match] = matchPlaybooks({ ...given, playbooks: [loaded], diagnosis: { findings: [FINDING] } });
  if (match?.matched !== true) throw new Error(match?.because.join('; '));
  const calls: JsonObject[] = [];
  const outcome = await planFromPlaybook(
    {
      ...given,
      match,
      planId: 'pl_01jd7q8z9abcdefghjkmnpqrst',
      createdBy: 'service:planner',
      trigger: { kind: 'alert', ref: ALERT.alert_id },
      context: INCIDENT.context,
      now: NOW,
      catalogue,
      readTool: ({ input }) => {
        calls.push(input);
        return Promise.resolve({
          ...PREVIEW,
          base_revision: 'r0',
          expected_commit: 'r1',
          diff_truncated: false,
        });
      },
    },
    new AbortController().signal,
  );
  return { outcome, calls };
}

describe('a playbook that names a workflow', () => {
  it('leads from an alert to the plan that the workflow drafts of the bound parameters', async () => {
    const { outcome, calls } = await plan(parse());
    expect(calls).toEqual([{ repository: 'shop', branch: 'main', commit: COMMIT, date: NOW }]);
    expect(outcome).toMatchObject({
      kind: 'planned',
      draft: {
        summary: `Revert commit ${COMMIT.slice(0, 12)} on main of shop`,
        trigger: { kind: 'alert' },
        incident_id: INCIDENT.incident_id,
        origin: {
          planner: 'playbook',
          name: 'take-back',
          because: [expect.any(String), expect.any(String), 'it names workflow revert-commit, version 1'],
        },
        steps: [{ step_id: 'revert', call: { tool: 'git', action: 'revert', input: PREVIEW.forward } }],
      },
    });
  });

  it('is refused by name when what is bound does not fit the workflow', async () => {
    const short = { ...HEAD.parameters, commit: { type: 'string', charset: 'hex', from: { literal: 'ab' } } };
    await expect(plan(parse({ parameters: short }))).rejects.toThrow(
      /Playbook take-back \(take-back\.yaml\): Workflow revert-commit does not take this input: \/commit: the whole id/,
    );
  });

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    [
      'a workflow that there is not',
      { workflow: { ...WORKFLOW, name: 'revert' } },
      '/workflow/name take-back.yaml: /workflow/name: there is no workflow revert; there are: ',
    ],
    [
      'a field that the workflow does not know',
      { workflow: { ...WORKFLOW, input: { ...WORKFLOW.input, comit: 'x' } } },
      '/workflow/input/comit',
    ],
    [
      'a literal that does not fit',
      { workflow: { ...WORKFLOW, input: { ...WORKFLOW.input, branch: '-f' } } },
      '/workflow/input/branch',
    ],
    [
      'a reference to no parameter',
      { workflow: { ...WORKFLOW, input: { ...WORKFLOW.input, branch: { $ref: 'parameters.nope' } } } },
      'parameters.nope names no parameter',
    ],
    ['a workflow beside steps', { steps: DOCUMENT.steps.slice(0, 1) }, 'brings its own steps'],
    ['a time that the workflow decides', { max_run: '5m' }, 'brings its own max_run'],
    ['neither steps nor workflow', { workflow: undefined }, 'give steps, or a workflow'],
  ])('is refused with %s', (_, change, message) => {
    expect(faults(change).join('\n')).toContain(message);
  });
});
