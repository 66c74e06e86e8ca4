import { AppError, canonicalHash, type InputFault, type JsonValue } from '@carapulse/kernel';
import { Playbook, type PlaybookWorkflow } from './playbook.ts';
import type { LocateFault } from './ports.ts';
import { findReferences } from './references.ts';
import { schemaFaults, type Fault } from './schema-faults.ts';
import { referencesBeyond, templateFaults } from './template-faults.ts';
import { unknownWorkflow, WORKFLOWS } from './workflows/workflow-list.ts';

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
  const faults = parsed.success ? playbookFaults(parsed.data) : schemaFaults(parsed.error);
  if (!parsed.success || faults.length > 0) throw invalid(source, faults);
  const loaded = { playbook: parsed.data, file: source.file, digest: canonicalHash(source.document) };
  if (parsedBefore.size >= MOST_REMEMBERED) parsedBefore.clear();
  parsedBefore.set(key, loaded);
  return loaded;
}

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

function playbookFaults(playbook: Playbook): readonly InputFault[] {
  const typeOf = (name: string): 'integer' | 'other' | null => {
    if (!Object.hasOwn(playbook.parameters, name)) return null;
    return playbook.parameters[name]?.type === 'integer' ? 'integer' : 'other';
  };
  const { workflow, steps } = playbook;
  if (workflow === undefined) {
    const none = { pointer: '/steps', detail: 'give steps, or a workflow that has them' };
    return steps.length === 0 ? [none] : templateFaults(playbook, typeOf);
  }
  return [
    ...(['reads', 'steps', 'checks', 'expires_in', 'max_run'] as const)
      .filter((field) => (Array.isArray(playbook[field]) ? playbook[field].length > 0 : playbook[field]))
      .map((field) => ({
        pointer: `/${field}`,
        detail: `workflow ${workflow.name} brings its own ${field}; take one of the two out`,
      })),
    ...templateFaults({ ...playbook, reads: [], steps: [], checks: [] }, typeOf),
    ...workflowFaults(workflow, typeOf),
  ];
}

/** An input is known in part: what stands where a reference will be put is left to planning. */
function workflowFaults(
  { name, input }: PlaybookWorkflow,
  typeOf: Parameters<typeof referencesBeyond>[3],
): readonly InputFault[] {
  const workflow = WORKFLOWS.find((each) => each.name === name);
  if (workflow === undefined) return [{ pointer: '/workflow/name', detail: unknownWorkflow(name) }];
  const references = findReferences(input, '').map(({ pointer }) => pointer);
  const within = (inner: string, outer: string): boolean => `${inner}/`.startsWith(`${outer}/`);
  const known = workflow
    .inputFaults(input)
    .filter(({ pointer }) => !references.some((ref) => within(ref, pointer) || within(pointer, ref)))
    .map((fault) => ({ ...fault, pointer: `/workflow/input${fault.pointer}` }));
  return [...referencesBeyond(input, '/workflow/input', [], typeOf), ...known];
}
