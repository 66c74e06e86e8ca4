/**
 * The thread that runs OPA for one request and then ends, which gives its memory back. Owner: `run-guest.ts`.
 * Boundary: the module is ours and checked against its manifest; the bundle in the request is not trusted.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { wasip1Shim } from './wasip1-shim.ts';

type GuestExports = {
  memory: WebAssembly.Memory;
  _initialize: () => void;
  alloc: (size: number) => number;
  call: (size: number) => bigint;
};

async function answer(task: { module: WebAssembly.Module; request: string }): Promise<string> {
  const shim = wasip1Shim(task.module);
  const instance = await WebAssembly.instantiate(task.module, { wasi_snapshot_preview1: shim.imports });
  const guest = instance.exports as GuestExports;
  shim.attach(guest.memory);
  try {
    guest._initialize();
    const request = new TextEncoder().encode(task.request);
    const address = guest.alloc(request.length) >>> 0;
    new Uint8Array(guest.memory.buffer, address, request.length).set(request);
    const packed = BigInt.asUintN(64, guest.call(request.length));
    const bytes = new Uint8Array(guest.memory.buffer, Number(packed >> 32n), Number(packed & 0xffffffffn));
    return new TextDecoder().decode(bytes);
  } catch (error) {
    throw new Error(`OPA stopped: ${String(error)} ${shim.output().slice(0, 2000)}`.trim(), { cause: error });
  }
}

// Sound: run-guest.ts is the only one to start this thread, with exactly this.
const text = await answer(workerData as { module: WebAssembly.Module; request: string });
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window: it has no origin
parentPort?.postMessage(text);
