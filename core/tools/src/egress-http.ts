import type { EgressRule } from './sandbox.ts';

/** An HTTP request as data. */
export interface HttpRequestSpec {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly egress: readonly EgressRule[];
  /** PEM certificates that alone are trusted, in place of the machine's; https only. */
  readonly tls?: { readonly ca: string };
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Redirects are never followed unless their target matches an egress rule too. */
  readonly maxRedirects: number;
}

export interface HttpResult {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly truncated: boolean;
  readonly durationMs: number;
}

/**
 * Sends requests for tools that speak HTTP, under the same egress rules as the sandbox.
 * @throws AppError `policy_denied` when the destination is outside the rules, `timeout`, `cancelled`, or
 * `unavailable` (retryable) when the connection fails; the message names host and port.
 */
export interface EgressHttp {
  request(spec: HttpRequestSpec, signal: AbortSignal): Promise<HttpResult>;
}
