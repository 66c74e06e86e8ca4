import { request } from 'node:https';

export interface ApiAccess {
  /** `https://host:port`. */
  readonly url: string;
  /** PEM of the authority that the server's certificate must come from. */
  readonly ca: string;
  readonly token: string;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly path: string;
  readonly body?: unknown;
}

export interface ApiReply {
  readonly status: number;
  readonly text: string;
}

/** One request to the Kubernetes API; every status is an answer, only no answer rejects. */
export function askApi(access: ApiAccess, asked: ApiRequest, signal: AbortSignal): Promise<ApiReply> {
  const type = asked.method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
  const headers = { authorization: `Bearer ${access.token}`, 'content-type': type };
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(asked.path, access.url),
      { method: asked.method, ca: access.ca, headers, signal, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(asked.body === undefined ? undefined : JSON.stringify(asked.body));
  });
}
