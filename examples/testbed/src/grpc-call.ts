import { connect } from 'node:http2';

/** Enough of gRPC for a question with one text field, so that a server's readiness needs no library. */
export interface GrpcQuestion {
  /** `host:port`, without TLS. */
  readonly address: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  /** Field 1 of the request, under 128 bytes. */
  readonly text: string;
}

/** The answer's `grpc-status`: 0 is OK. Rejects when nobody answers. */
export function grpcStatus(question: GrpcQuestion, signal: AbortSignal): Promise<number> {
  const session = connect(`http://${question.address}`);
  const status = new Promise<number>((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': question.method,
        'content-type': 'application/grpc',
        te: 'trailers',
      },
      { signal },
    );
    const take = (headers: Readonly<Record<string, unknown>>) => {
      if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
    };
    // An answer without a message has its status among the headers.
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('error', reject);
    stream.on('close', () => reject(new Error(`${question.method} was closed without a status`)));
    stream.resume();
    stream.end(messageOf(question.text));
  });
  return status.finally(() => session.destroy());
}

/** Length-prefixed (uncompressed, 4 bytes of length), then field 1 of wire type 2. */
function messageOf(text: string): Buffer {
  const value = Buffer.from(text);
  const field = Buffer.concat([Buffer.from([0x0a, value.length]), value]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(field.length, 1);
  return Buffer.concat([prefix, field]);
}
