import { randomFillSync } from 'node:crypto';

const SUCCESS = 0;
const BAD_FILE = 8;
const NOT_SUPPORTED = 52;

/** What a wasip1 guest wrote to its two outputs, kept for error messages only. */
export interface Wasip1Shim {
  readonly imports: WebAssembly.ModuleImports;
  attach(memory: WebAssembly.Memory): void;
  output(): string;
}

/**
 * The few wasip1 calls a computing guest makes: clocks, randomness, captured output. There are no files, no
 * arguments, no environment and no sockets; every other call answers ENOSYS, `proc_exit` throws.
 */
export function wasip1Shim(module: WebAssembly.Module): Wasip1Shim {
  let memory: WebAssembly.Memory | undefined;
  const written: string[] = [];
  let writtenBytes = 0;
  const view = () => {
    if (memory === undefined) throw new Error('the guest called its host before its memory was attached');
    return new DataView(memory.buffer);
  };
  const setU32 = (address: number, value: number) => view().setUint32(address >>> 0, value, true);

  const served: Record<string, (...args: never[]) => unknown> = {
    // Go's scheduler spins for ever on a clock that stands still.
    clock_time_get: (id: number, _precision: bigint, address: number) => {
      const ns = id === 0 ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint();
      view().setBigUint64(address >>> 0, ns, true);
      return SUCCESS;
    },
    random_get: (address: number, length: number) => {
      randomFillSync(new Uint8Array(view().buffer, address >>> 0, length >>> 0));
      return SUCCESS;
    },
    fd_write: (fd: number, vectors: number, count: number, writtenAddress: number) => {
      if (fd !== 1 && fd !== 2) return BAD_FILE;
      let total = 0;
      for (let index = 0; index < count; index += 1) {
        const at = (vectors >>> 0) + index * 8;
        const bytes = new Uint8Array(
          view().buffer,
          view().getUint32(at, true),
          view().getUint32(at + 4, true),
        );
        total += bytes.length;
        writtenBytes += bytes.length;
        if (writtenBytes <= 16_384) written.push(new TextDecoder().decode(bytes));
      }
      setU32(writtenAddress, total);
      return SUCCESS;
    },
    args_sizes_get: (count: number, size: number) => {
      setU32(count, 0);
      setU32(size, 0);
      return SUCCESS;
    },
    args_get: () => SUCCESS,
    environ_sizes_get: (count: number, size: number) => {
      setU32(count, 0);
      setU32(size, 0);
      return SUCCESS;
    },
    environ_get: () => SUCCESS,
    fd_prestat_get: () => BAD_FILE,
    sched_yield: () => SUCCESS,
    // One clock subscription: report it as fired, the guest looks at its clock again.
    poll_oneoff: (_in: number, out: number, count: number, eventsAddress: number) => {
      new Uint8Array(view().buffer, out >>> 0, count * 32).fill(0);
      setU32(eventsAddress, count);
      return SUCCESS;
    },
    proc_exit: (code: number) => {
      throw new Error(`the guest exited with ${code}: ${written.join('').trim()}`);
    },
  };

  const imports: WebAssembly.ModuleImports = {};
  for (const wanted of WebAssembly.Module.imports(module)) {
    if (wanted.module !== 'wasi_snapshot_preview1' || wanted.kind !== 'function') {
      throw new Error(`the guest imports ${wanted.module}.${wanted.name}, which no host here offers`);
    }
    imports[wanted.name] = served[wanted.name] ?? (() => NOT_SUPPORTED);
  }
  return {
    imports,
    attach: (attached) => {
      memory = attached;
    },
    output: () => written.join(''),
  };
}
