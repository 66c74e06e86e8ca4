import type { DocumentEditor } from '@carapulse/kernel';

/** For tools that change no document. */
export const noDocuments: DocumentEditor = {
  replaceScalar: () => ({ kind: 'refused', reason: 'unreadable', detail: 'no document is changed here' }),
};
