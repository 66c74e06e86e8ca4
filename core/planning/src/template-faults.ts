import type { InputFault } from '@carapulse/kernel';
import { topologicalOrder } from '@carapulse/plan';
import { displayFields } from './display-fields.ts';
import type { PlanTemplate } from './plan-template.ts';
import { findReferences } from './references.ts';

type Content = Pick<PlanTemplate, 'summary' | 'reads' | 'conditions' | 'steps' | 'checks'>;
/** The type of a parameter by its name; null when there is none. */
type ParameterType = (name: string) => 'integer' | 'other' | null;

/** What a schema cannot see: references, ids, the order of steps, names in texts for people. */
export function templateFaults(content: Content, typeOf: ParameterType): readonly InputFault[] {
  return [
    ...referenceFaults(content, typeOf),
    ...withinFaults(content, typeOf),
    ...relativeFaults(content),
    ...displayFaults(content, typeOf),
    ...idFaults(content),
    ...orderFaults(content),
  ];
}

/** References in a value that name no parameter and no read of the list, or that do not stand alone. */
export function referencesBeyond(
  value: unknown,
  pointer: string,
  reads: readonly string[],
  typeOf: ParameterType,
): readonly InputFault[] {
  return findReferences(value, pointer).flatMap((found): readonly InputFault[] => {
    const { ref } = found;
    if (ref === null) return [{ pointer: found.pointer, detail: 'a $ref stands alone and is a text' }];
    const path = ref.slice(ref.indexOf('.') + 1);
    const known =
      ref === 'plan.created_at' ||
      (ref.startsWith('parameters.') ? typeOf(path) !== null : reads.includes(path.split('/')[0] ?? ''));
    return known ? [] : [{ pointer: found.pointer, detail: `${ref} names no parameter or earlier read` }];
  });
}

function referenceFaults(
  { reads, conditions, steps, checks }: Content,
  typeOf: ParameterType,
): readonly InputFault[] {
  const ids = reads.map((read) => read.id);
  return [
    ...reads.flatMap((read, index) =>
      referencesBeyond(read.call.input, `/reads/${index}/call/input`, ids.slice(0, index), typeOf),
    ),
    ...referencesBeyond(conditions, '/conditions', ids, typeOf),
    ...referencesBeyond(steps, '/steps', ids, typeOf),
    ...referencesBeyond(checks, '/checks', ids, typeOf),
  ];
}

/** How long a check waits is a number that is known, or that a read tells. */
function withinFaults(content: Content, typeOf: ParameterType): readonly InputFault[] {
  return placedChecks(content).flatMap(({ at, check: { samples } }) => {
    const { within } = samples;
    if (typeof within === 'number' || within.$ref.startsWith('reads.')) return [];
    if (typeOf(within.$ref.replace(/^parameters\./, '')) === 'integer') return [];
    const detail = `${within.$ref} is not an integer parameter; it says how many milliseconds the check waits`;
    return [{ pointer: `${at}/samples/within`, detail }];
  });
}

/** What a check compares with is what a step gives; whether that comes before it, the plan says. */
function relativeFaults(content: Content): readonly InputFault[] {
  const ids = content.steps.map(({ id }) => id);
  return placedChecks(content).flatMap(({ at, check }) =>
    check.expect.flatMap(({ relative }, index) =>
      relative === undefined || ids.includes(relative.from_step)
        ? []
        : [
            {
              pointer: `${at}/expect/${index}/relative/from_step`,
              detail: `there is no step ${relative.from_step}`,
            },
          ],
    ),
  );
}

function placedChecks({ steps, checks }: Content) {
  const lists = [
    { at: '/checks', checks },
    ...steps.flatMap(({ preconditions, verify, rollback }, index) => [
      { at: `/steps/${index}/preconditions`, checks: preconditions },
      { at: `/steps/${index}/verify`, checks: verify },
      ...(rollback !== undefined && 'call' in rollback
        ? [{ at: `/steps/${index}/rollback/verify`, checks: rollback.verify }]
        : []),
    ]),
  ];
  return lists.flatMap((list) => list.checks.map((check, index) => ({ at: `${list.at}/${index}`, check })));
}

function displayFaults({ summary, steps, checks }: Content, typeOf: ParameterType): readonly InputFault[] {
  const texts = [
    { pointer: '/summary', text: summary },
    ...steps.map((step, index) => ({ pointer: `/steps/${index}/title`, text: step.title })),
    ...checks.map((check, index) => ({ pointer: `/checks/${index}/title`, text: check.title })),
  ];
  return texts.flatMap(({ pointer, text }) =>
    displayFields(text)
      .filter((field) => typeOf(field) === null)
      .map((field) => ({ pointer, detail: `{${field}} names no parameter` })),
  );
}

function idFaults({ reads, steps, checks }: Content): readonly InputFault[] {
  return Object.entries({ reads, steps, checks }).flatMap(([list, members]) => {
    const ids = members.map(({ id }) => id);
    return ids.flatMap((id, index) =>
      ids.indexOf(id) === index ? [] : [{ pointer: `/${list}/${index}/id`, detail: `${id} is used twice` }],
    );
  });
}

function orderFaults({ steps }: Content): readonly InputFault[] {
  try {
    topologicalOrder(steps.map(({ id, depends_on }) => ({ step_id: id, depends_on })));
    return [];
  } catch (error) {
    return [{ pointer: '/steps', detail: error instanceof Error ? error.message : String(error) }];
  }
}
