import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '@carapulse/kernel';
import { problemReply } from './problem-reply.ts';

/** Answers bytes that never became a request (no HTTP, headers too large, too slow) as RFC 9457 too, and hangs up. */
export function refuseBytes(
  error: Error & { readonly code?: string },
  socket: Socket,
  requestId: string,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = faultOf(error.code);
  const { body } = problemReply(new AppError('invalid_input', detail), requestId, (text) => text);
  const text = JSON.stringify({ ...body, status });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(text)}`,
      `x-request-id: ${requestId}`,
      'connection: close',
      '',
      text,
    ].join('\r\n'),
  );
}

function faultOf(code: string | undefined): readonly [400 | 408 | 431, string] {
  if (code === 'HPE_HEADER_OVERFLOW')
    return [431, 'The headers are too large; 16 KiB together is the limit.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'The request did not arrive in time.'];
  return [400, 'The request is not HTTP/1.1.'];
}
