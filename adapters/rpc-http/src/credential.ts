import { createHash, timingSafeEqual } from 'node:crypto';

/** Lower-case hex of the SHA-256 of a service credential: all that the side which is asked needs of it. */
export function credentialDigest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Whether the `Authorization` header carries the credential of that digest; takes the same time whatever it carries. */
export function carriesCredential(header: string | undefined, digest: string): boolean {
  const token = /^Bearer ([\x21-\x7e]{1,4096})$/.exec(header ?? '')?.[1] ?? '';
  const given = Buffer.from(credentialDigest(token), 'hex');
  const wanted = Buffer.from(digest, 'hex');
  return token !== '' && given.length === wanted.length && timingSafeEqual(given, wanted);
}
