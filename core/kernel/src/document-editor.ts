/** A value that fits in one place of a document. */
export type DocumentScalar = string | number | boolean;

export interface ScalarEdit {
  /** A name for messages; one that ends in `.json` holds JSON, any other YAML. */
  readonly fileName: string;
  /** JSON pointer to the scalar. */
  readonly pointer: string;
  readonly value: DocumentScalar;
}

/** Why a scalar can't be replaced by itself. */
export const EDIT_REFUSALS = [
  'unreadable',
  'pointer_missing',
  'not_a_scalar',
  'same_value',
  'shared_value',
  'not_exact',
] as const;
export type EditRefusal = (typeof EDIT_REFUSALS)[number];

export type EditedDocument =
  | { readonly kind: 'edited'; readonly text: string; readonly before: DocumentScalar | null }
  | { readonly kind: 'refused'; readonly reason: EditRefusal; readonly detail: string };

/**
 * Changes documents that people write. What was read from the edited text is what was read before but for the one
 * value, and all other characters, comments among them, are as they were; what can't be done so is refused.
 */
export interface DocumentEditor {
  replaceScalar(text: string, edit: ScalarEdit): EditedDocument;
}
