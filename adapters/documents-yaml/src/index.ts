export { yamlDocumentEditor } from './replace-scalar.ts';
export { parseYamlAs, yamlDocumentParser } from './yaml-as.ts';
export { documentError, parseYamlDocument } from './yaml-document.ts';
export type { DocumentFault } from './yaml-document.ts';
