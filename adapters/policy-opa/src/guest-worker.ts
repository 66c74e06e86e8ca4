/**
 * The thread that runs OPA for one request and then ends, which gives its memory back. Owner: `run-guest.ts`.
 * Trust: the artefact is ours and checked against its manifest; the bundle in the request is not trusted.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { brotliDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { limitMemory } from './memory-limit.ts';
import { wasip1Shim } from './wasip1-shim.ts';

const Task = z.strictObject({ artifact: z.string(), maxMemoryBytes: z.int(), request: z.string() });
const Manifest = z.looseObject({ compressed_sha256: z.string() });

type GuestExports = {
  memory: WebAssembly.Memory;
  _initialize: () => void;
  alloc: (size: number) => number;
  call: (size: number) => bigint;
};

async function answer(): Promise<string> {
  const task = Task.parse(workerData);
  const compressed = await readFile(`${task.artifact}.br`);
  const manifest = Manifest.parse(JSON.parse(await readFile(`${task.artifact}.sha256.json`, 'utf8')));
  if (createHash('sha256').update(compressed).digest('hex') !== manifest.compressed_sha256) {
    throw new Error(
      `${task.artifact}.br is not the artefact its manifest names; restore it from the release`,
    );
  }
  const module = await WebAssembly.compile(
    limitMemory(brotliDecompressSync(compressed), task.maxMemoryBytes),
  );
  const shim = wasip1Shim(module);
  const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: shim.imports });
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

const text = await answer();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window: it has no origin
parentPort?.postMessage(text);
