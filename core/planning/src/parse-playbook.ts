import { AppError, canonicalHash, jsonPointer, type InputFault, type JsonValue } from '@carapulse/kernel';
import { topologicalOrder } from '@carapulse/plan';
import type { z } from 'zod';
import { displayFields } from './display-fields.ts';
import { Playbook } from './playbook.ts';
import type { LocateFault } from './ports.ts';
import { findReferences } from './references.ts';

/** A playbook that was read, with the digest of its content. */
export interface LoadedPlaybook {
  readonly playbook: Playbook;
  readonly file: string;
  /** sha256 of the document's canonical JSON: comments and layout do not count. */
  readonly digest: string;
}

export interface PlaybookSource {
  /** The parsed YAML. */
  readonly document: JsonValue;
  /** Named in errors. */
  readonly file: string;
  readonly locate: LocateFault;
}

/** Each incident reads all playbooks again. Reading depends on nothing but the content, so it is done once for each. */
const parsedBefore = new Map<string, LoadedPlaybook>();
const MOST_REMEMBERED = 500;

/**
 * Reads one playbook strictly: schema, references, ids, order of steps, names in texts for people.
 * @throws AppError `invalid_input`: each fault with file, line and column in its detail.
 */
export function parsePlaybook(source: PlaybookSource): LoadedPlaybook {
  const key = `${source.file}\0${JSON.stringify(source.document)}`;
  const known = parsedBefore.get(key);
  if (known !== undefined) return known;
  const parsed = Playbook.safeParse(source.document);
  const faults = parsed.success ? semanticFaults(parsed.data) : parsed.error.issues.flatMap(issueFaults);
  if (!parsed.success || faults.length > 0) throw invalid(source, faults);
  const loaded = { playbook: parsed.data, file: source.file, digest: canonicalHash(source.document) };
  if (parsedBefore.size >= MOST_REMEMBERED) parsedBefore.clear();
  parsedBefore.set(key, loaded);
  return loaded;
}

/** A fault, and whether the key or the value of its place is wrong. */
type Fault = InputFault & { readonly part?: 'key' };

/** Places each fault in the file. */
function invalid(source: PlaybookSource, faults: readonly Fault[]): AppError {
  const errors = faults.map((fault) => {
    const place = locateNearest(source.locate, fault);
    const where = place === null ? source.file : `${source.file}:${place.line}:${place.column}`;
    return { pointer: fault.pointer, detail: `${where}: ${fault.pointer || '/'}: ${fault.detail}` };
  });
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new AppError(
    'invalid_input',
    `The playbook is not valid. ${errors[0]?.detail ?? source.file}${more}`,
    {
      errors,
    },
  );
}

function locateNearest(locate: LocateFault, { pointer, part }: Fault): ReturnType<LocateFault> {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
    const place = part === undefined ? locate(at) : locate(at, part);
    if (place !== null || at === '') return place;
  }
}

function issueFaults(issue: z.core.$ZodIssue): readonly Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      pointer: jsonPointer([...issue.path, key]),
      detail: `there is no field ${key} here`,
      part: 'key',
    }));
  }
  return [{ pointer: jsonPointer(issue.path), detail: issue.message }];
}

function semanticFaults(playbook: Playbook): readonly InputFault[] {
  return [
    ...referenceFaults(playbook),
    ...withinFaults(playbook),
    ...displayFaults(playbook),
    ...idFaults(playbook),
    ...orderFaults(playbook),
  ];
}

function referenceFaults(playbook: Playbook): readonly InputFault[] {
  const faults: InputFault[] = [];
  const readIds = playbook.reads.map((read) => read.id);
  const known = (ref: string, reads: readonly string[]): boolean => {
    const path = ref.slice(ref.indexOf('.') + 1);
    if (ref === 'plan.created_at') return true;
    return ref.startsWith('parameters.')
      ? Object.hasOwn(playbook.parameters, path)
      : reads.includes(path.split('/')[0] ?? '');
  };
  const check = (value: unknown, pointer: string, reads: readonly string[]): void => {
    for (const found of findReferences(value, pointer)) {
      if (found.ref === null)
        faults.push({ pointer: found.pointer, detail: 'a $ref stands alone and is a text' });
      else if (!known(found.ref, reads)) {
        faults.push({ pointer: found.pointer, detail: `${found.ref} names no parameter or earlier read` });
      }
    }
  };
  playbook.reads.forEach((read, index) =>
    check(read.call.input, `/reads/${index}/call/input`, readIds.slice(0, index)),
  );
  check(playbook.conditions, '/conditions', readIds);
  check(playbook.steps, '/steps', readIds);
  check(playbook.checks, '/checks', readIds);
  return faults;
}

/** How long a check waits is known before anything is read. */
function withinFaults({ steps, checks, parameters }: Playbook): readonly InputFault[] {
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
  return lists.flatMap((list) =>
    list.checks.flatMap(({ samples: { within } }, index) => {
      if (typeof within === 'number') return [];
      const named = parameters[within.$ref.replace(/^parameters\./, '')];
      if (within.$ref.startsWith('parameters.') && named?.type === 'integer') return [];
      const detail = `${within.$ref} is not an integer parameter; it says how many milliseconds the check waits`;
      return [{ pointer: `${list.at}/${index}/samples/within`, detail }];
    }),
  );
}

function displayFaults(playbook: Playbook): readonly InputFault[] {
  const texts = [
    { pointer: '/summary', text: playbook.summary },
    ...playbook.steps.map((step, index) => ({ pointer: `/steps/${index}/title`, text: step.title })),
    ...playbook.checks.map((check, index) => ({ pointer: `/checks/${index}/title`, text: check.title })),
  ];
  return texts.flatMap(({ pointer, text }) =>
    displayFields(text)
      .filter((field) => !Object.hasOwn(playbook.parameters, field))
      .map((field) => ({ pointer, detail: `{${field}} names no parameter` })),
  );
}

function idFaults(playbook: Playbook): readonly InputFault[] {
  const twice = (ids: readonly string[], list: string): readonly InputFault[] =>
    ids.flatMap((id, index) =>
      ids.indexOf(id) === index ? [] : [{ pointer: `/${list}/${index}/id`, detail: `${id} is used twice` }],
    );
  return [
    ...twice(
      playbook.reads.map((read) => read.id),
      'reads',
    ),
    ...twice(
      playbook.steps.map((step) => step.id),
      'steps',
    ),
    ...twice(
      playbook.checks.map((check) => check.id),
      'checks',
    ),
  ];
}

function orderFaults(playbook: Playbook): readonly InputFault[] {
  try {
    topologicalOrder(playbook.steps.map(({ id, depends_on }) => ({ step_id: id, depends_on })));
    return [];
  } catch (error) {
    return [{ pointer: '/steps', detail: error instanceof Error ? error.message : String(error) }];
  }
}
