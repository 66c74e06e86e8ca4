/** Evidence objects: written once, checksummed, never changed. */
export interface ObjectStore {
  /** Writes all or nothing, synced before it returns. @throws AppError `conflict` when the key exists with other bytes. */
  put(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<{ readonly sha256: string }>;
  /** @throws AppError `not_found`. */
  get(key: string, signal: AbortSignal): Promise<Uint8Array>;
}
