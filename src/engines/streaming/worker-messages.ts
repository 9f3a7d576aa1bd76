/**
 * What the main thread and its workers say to each other. The store, the keys of the ring and the
 * network stay on the main thread: a worker only turns bytes into bytes, so it works with every store
 * (and a test's double), holds no credentials, and is told a data key for one object at a time.
 */
import type { Compression, Extent, Frame } from './pack-format.ts';
import type { Leave } from './worker-end.ts';

/** Bytes that belong to nobody else, so that they can be handed over without a copy. */
export type Handed = Uint8Array<ArrayBuffer>;

export type PackOrder =
  | {
      readonly kind: 'begin';
      readonly dataKey: Uint8Array;
      readonly associated: Uint8Array;
      readonly compression: Compression;
    }
  | {
      readonly kind: 'frame';
      /** Filled by us, read by the worker; ours again with the answer. */
      readonly bytes: SharedArrayBuffer;
      readonly lengthBytes: number;
      readonly extents: Extent[];
    }
  | { readonly kind: 'end' }
  | Leave;

export type PackAnswer =
  | { readonly kind: 'begun'; readonly sealed: Handed[] }
  | {
      readonly kind: 'frame';
      readonly storedBytes: number;
      readonly sealed: Handed[];
    }
  | { readonly kind: 'ended'; readonly sealed: Handed[] };

export type RestoreOrder =
  | {
      readonly kind: 'pack';
      readonly name: string;
      readonly header: Uint8Array;
      readonly dataKey: Uint8Array;
      readonly associated: Uint8Array;
      readonly streamBytes: number;
      readonly frames: readonly Frame[];
      /** Absolute path of each file that a frame speaks of. */
      readonly paths: ReadonlyMap<number, string>;
      /** Past the page cache. */
      readonly direct: boolean;
    }
  | { readonly kind: 'segment'; readonly bytes: Handed }
  | { readonly kind: 'end' }
  | Leave;

export type RestoreAnswer =
  | { readonly kind: 'segment'; readonly writtenBytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure };

export interface WorkerFailure {
  /** Code of a `Problem`, or of a system call. */
  readonly code: string | undefined;
  readonly message: string;
}

/** Small buffers may be slices of a pool: only what stands alone can be handed over. */
export function standAlone(bytes: Uint8Array): Handed {
  const { buffer } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
