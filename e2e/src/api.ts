import { request } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Schema = Readonly<Record<string, unknown>>;

/** One operation of docs/openapi.json. */
export interface ApiOperation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly permission: string;
  readonly parameters: ReadonlyArray<{ readonly name: string; readonly in: string; readonly schema: Schema }>;
  readonly body: Schema | null;
  /** By status, what a response's content may be. */
  readonly responses: Readonly<Record<string, Responses>>;
}
type Responses = { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> };

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Ends the answer once it has begun; for streams. */
  readonly headOnly?: boolean;
}

const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
interface DocumentOperation {
  readonly operationId: string;
  readonly 'x-permission': string;
  readonly parameters?: ApiOperation['parameters'];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: ApiOperation['responses'];
}

function readDocument(): Document {
  return JSON.parse(readFileSync(DOCUMENT, 'utf8')) as Document;
}

export function sharedSchemas(): Document['components']['schemas'] {
  return readDocument().components.schemas;
}

export function apiOperations(): readonly ApiOperation[] {
  const { paths } = readDocument();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      permission: operation['x-permission'],
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content['application/json']?.schema ?? null,
      responses: operation.responses,
    })),
  );
}

/** Sends exactly what it is given; no client's own rules in between. `path` goes on the wire as it is. */
export function send(base: string, method: string, path: string, sent: Sent = {}): Promise<Answer> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method, path, headers: { ...sent.headers }, agent: false },
      (response) => {
        const done = (text: string): void =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        if (sent.headOnly === true) {
          done('');
          response.destroy();
          return;
        }
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => done(text));
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`${method} ${path} got no answer in 20 s`)));
    outgoing.end(sent.body);
  });
}
