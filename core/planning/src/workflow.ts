import { AppError, canonicalHash, JsonObject } from '@carapulse/kernel';
import { z } from 'zod';
import { parseTemplate, type PlanTemplate, type PlanTemplateSource } from './plan-template.ts';
import { schemaFaults, type Fault } from './schema-faults.ts';

/** What a workflow's plan is about, as far as its input tells. */
export interface WorkflowSubject {
  /** A service as its profile is named; null when the input names none. */
  readonly service: string | null;
  readonly cluster_id?: string;
  readonly namespace?: string;
}

export interface WorkflowDefinition<Input> {
  readonly name: string;
  /** What it does, in one line for people. */
  readonly title: string;
  /** Raised whenever an input would lead to another plan than before. */
  readonly version: number;
  /** Strict; each field described. Published as JSON Schema. */
  readonly input: z.ZodType<Input>;
  readonly about: (input: Input) => WorkflowSubject;
  /** Pure: the template depends on the input and nothing else. What the world says, its reads ask while planning. */
  readonly draft: (input: Input) => PlanTemplateSource;
}

/** A named workflow with its input's type erased. */
export interface NamedWorkflow {
  readonly name: string;
  readonly title: string;
  readonly version: number;
  /** JSON Schema of the input. */
  readonly inputSchema: JsonObject;
  /** What is wrong with an input, by pointers into it. */
  inputFaults(input: JsonObject): readonly Fault[];
  /** @throws AppError `invalid_input` with pointers into the input. */
  draft(input: JsonObject): WorkflowDraft;
}

export interface WorkflowDraft {
  readonly about: WorkflowSubject;
  readonly template: PlanTemplate;
  /** sha256 of name, version and the template as it was drafted. */
  readonly digest: string;
}

/** Closes a factory over its schema, so that factories of different inputs stand in one list. */
export function defineWorkflow<Input>(definition: WorkflowDefinition<Input>): NamedWorkflow {
  const { name, title, version, input: schema, about, draft } = definition;
  return {
    name,
    title,
    version,
    inputSchema: JsonObject.parse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })),
    inputFaults: (input) => {
      const parsed = schema.safeParse(input);
      return parsed.success ? [] : schemaFaults(parsed.error);
    },
    draft: (input) => {
      const parsed = schema.safeParse(input);
      if (!parsed.success) throw invalidInput(name, schemaFaults(parsed.error));
      const source = draft(parsed.data);
      return {
        about: about(parsed.data),
        template: parseTemplate(source, `Workflow ${name}`),
        digest: canonicalHash(JsonObject.parse({ workflow: name, version, template: source })),
      };
    },
  };
}

function invalidInput(name: string, faults: readonly Fault[]): AppError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : '';
  const where = first === undefined || first.pointer === '' ? '' : `${first.pointer}: `;
  return new AppError(
    'invalid_input',
    `Workflow ${name} does not take this input: ${where}${first?.detail ?? ''}${more}; \`assistantctl workflow show ${name}\` tells what it takes.`,
    { errors: faults.map(({ pointer, detail }) => ({ pointer, detail })) },
  );
}
