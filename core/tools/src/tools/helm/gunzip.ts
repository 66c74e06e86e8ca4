import { AppError } from '@carapulse/kernel';

/** Text of gzipped bytes, of at most `maxBytes`. @throws AppError `tool_failed` when it is longer or no gzip. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))) {
      size += chunk.byteLength;
      if (size > maxBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreadable('is no gzip', error);
  }
  if (size > maxBytes) throw unreadable(`holds more than ${maxBytes} bytes`);
  return Buffer.concat(chunks).toString('utf8');
}

function unreadable(why: string, cause?: unknown): AppError {
  return new AppError('tool_failed', `A record of a Helm release ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    details: { class: 'permanent', reason: 'record_unreadable' },
  });
}
