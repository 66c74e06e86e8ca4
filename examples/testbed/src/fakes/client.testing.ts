export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** Asks a server with a token; every status is an answer. */
export async function ask(
  { url }: { readonly url: string },
  token: string,
  [method, path]: readonly [method: string, path: string],
  body?: object,
): Promise<Answer> {
  const headers = {
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    'content-type': 'application/json',
  };
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const reply = await fetch(`${url}${path}`, { method, headers, ...sent });
  const text = await reply.text();
  const json = reply.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: reply.status, headers: reply.headers, body: json ? JSON.parse(text) : text };
}
