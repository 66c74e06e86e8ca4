import { join, resolve } from 'node:path';
import { AppError } from '@carapulse/kernel';
import { displayText } from '@carapulse/plan';
import { formatFault, testPolicies } from '@carapulse/policy-opa';
import { toneOf } from '../output/paint.ts';
import { required, text, type Action } from './command.ts';
import { getPlan } from './plans.ts';

const SHIPPED = join(import.meta.dirname, '..', '..', '..', '..', 'policies');

export const testPolicy: Action = async (session, [directory], flags) => {
  const { out, terminal } = session;
  const at = directory === undefined ? SHIPPED : resolve(terminal.cwd, directory);
  out.note(`Running the test_ rules of ${at}…`);
  const filter = text(flags, 'filter');
  const run = await testPolicies(at, session.signal, { ...(filter !== undefined && { filter }) });
  if (run.kind === 'broken')
    throw new AppError(
      'invalid_input',
      `The policies in ${at} do not compile:\n${run.faults.map(formatFault).join('\n')}`,
    );
  const failed = run.results.filter((result) => result.outcome !== 'passed');
  out.one(run, run.passed ? 'passed' : 'failed', () => [
    ...out.table(run.coverage, [
      { title: 'FILE', value: (each) => each.file },
      {
        title: 'COVERED',
        value: (each) => {
          const all = each.covered + each.not_covered;
          return all === 0 ? '-' : `${((each.covered * 100) / all).toFixed(1)}%`;
        },
      },
      { title: 'LINES', value: (each) => `${each.covered}/${each.covered + each.not_covered}` },
    ]),
    '',
    ...failed.map(
      (each) =>
        `${out.paint(each.outcome, 'bad')}  ${displayText(`${each.package}.${each.name} (${each.file}:${each.row}) ${each.message ?? ''}`)}`,
    ),
    run.results.length === 0
      ? out.paint('No test ran; tests are rules whose names begin with test_.', 'bad')
      : `${out.paint(run.passed ? 'passed' : 'FAILED', run.passed ? 'good' : 'bad')}: ${run.results.length - failed.length} of ${run.results.length} tests, ${run.coveredPerMille / 10}% of the rules' lines`,
  ]);
  return run.passed ? 0 : 7;
};

export const explainPolicy: Action = async (session, _args, flags) => {
  const { plan, status } = await getPlan(session, required(flags, 'plan'));
  const { policy, risk } = plan;
  const { out } = session;
  out.one({ plan_id: plan.plan_id, status, policy, risk }, policy.decision, () => [
    `Plan ${plan.plan_id} [${status}]: ${displayText(plan.summary)}`,
    `Policy decided ${out.paint(policy.decision, toneOf(policy.decision))} (bundle ${policy.bundle_digest}), because:`,
    ...out.table(policy.reasons, [
      { title: 'RULE', value: (each) => each.rule },
      { title: 'REASON', value: (each) => each.message },
    ]),
    '',
    ...(policy.constraints.length === 0
      ? ['It demands nothing more.']
      : [
          'It demands:',
          ...out.table(policy.constraints, [
            { title: 'CONSTRAINT', value: (each) => each.kind },
            {
              title: 'VALUE',
              value: ({ kind: _kind, ...rest }) =>
                Object.entries(rest)
                  .map(
                    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(', ') : String(value)}`,
                  )
                  .join('; ') || 'yes',
            },
          ]),
        ]),
    '',
    `Risk is ${out.paint(risk.level, toneOf(risk.level))}:`,
    ...out.table(risk.rules, [
      { title: 'RULE', value: (each) => each.rule },
      { title: 'LEVEL', value: (each) => each.level },
      { title: 'REASON', value: (each) => each.reason },
    ]),
  ]);
};
