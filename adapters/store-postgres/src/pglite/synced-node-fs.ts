/**
 * Owner: the files of one embedded cluster. Boundary: PGlite's file system layer, which leaves out fsync.
 *
 * 1. Each fsync that PostgreSQL asks for reaches the disk before PostgreSQL hears that it is done.
 * 2. An fsync that fails is an I/O error for PostgreSQL, which panics rather than acknowledge.
 *
 * It hangs on internals of the pinned version; `assertDurable` proves at each start that the hook still fires.
 */
import { fdatasyncSync, fstatSync, fsyncSync } from 'node:fs';
import { relative } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

const EIO = 29;

/** One durable write. `path` is relative to the cluster, `.` for the cluster's own directory. */
export interface SyncEvent {
  readonly path: string;
  /** 1 for the first since the cluster was opened. */
  readonly count: number;
}
export type SyncObserver = (event: SyncEvent) => void;

interface NodeStream {
  readonly nfd: number;
  readonly node: unknown;
}
interface EngineModule {
  readonly NODEFS: {
    readonly stream_ops: { fsync?: (stream: NodeStream) => number };
    realPath(node: unknown): string;
  };
  readonly FS: { readonly ErrnoError: new (errno: number) => Error };
}
type EngineOptions = Parameters<NodeFS['init']>[1];

export class SyncedNodeFs extends NodeFS {
  #count = 0;
  #walCount = 0;
  readonly #observe: SyncObserver | undefined;

  constructor(directory: string, observe?: SyncObserver) {
    super(directory);
    this.#observe = observe;
  }

  /** Syncs of write-ahead log files so far. */
  get walCount(): number {
    return this.#walCount;
  }

  override async init(pg: PGlite, options: EngineOptions): Promise<{ emscriptenOpts: EngineOptions }> {
    const { emscriptenOpts } = await super.init(pg, options);
    // The published type of preRun is a wider union than the array that the engine is given.
    const preRun = (emscriptenOpts.preRun ?? []) as Array<(module: EngineModule) => void>;
    preRun.push((module) => this.#install(module));
    return { emscriptenOpts };
  }

  #install(module: EngineModule): void {
    module.NODEFS.stream_ops.fsync = (stream) => {
      try {
        if (fstatSync(stream.nfd).isDirectory()) fsyncSync(stream.nfd);
        else fdatasyncSync(stream.nfd);
      } catch {
        throw new module.FS.ErrnoError(EIO);
      }
      const path = relative(this.rootDir, module.NODEFS.realPath(stream.node));
      this.#count += 1;
      if (path.startsWith('pg_wal/')) this.#walCount += 1;
      this.#observe?.({ path: path === '' ? '.' : path, count: this.#count });
      return 0;
    };
  }
}
