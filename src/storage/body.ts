/**
 * Reads the body of a put. Ends with the signal's reason the moment it aborts, even when the body is
 * stuck and would never notice that it was destroyed.
 */
import type { Readable } from 'node:stream';

const EVENTS = ['readable', 'end', 'error', 'close'] as const;

// The caller destroys the body.
export async function* collectBody(
  body: Readable,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  let wake: () => void = ignore;
  function changed(): void {
    wake();
  }
  for (const event of EVENTS) body.on(event, changed);
  signal.addEventListener('abort', changed);
  try {
    for (;;) {
      signal.throwIfAborted();
      const chunk: unknown = body.read();
      if (chunk !== null) yield asBuffer(chunk);
      else if (isOver(body)) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    for (const event of EVENTS) body.off(event, changed);
    signal.removeEventListener('abort', changed);
    // An error that comes later has nobody to hear it, and must not end the process.
    body.on('error', ignore);
  }
}

function isOver(body: Readable): boolean {
  if (body.errored !== null) throw body.errored;
  if (body.readableEnded) return true;
  if (body.destroyed) throw new Error('The body of an object was closed before its end');
  return false;
}

function asBuffer(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (chunk instanceof Uint8Array)
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (typeof chunk === 'string') return Buffer.from(chunk);
  throw new TypeError('The body of an object gave something that is not bytes');
}

function ignore(): void {
  // Nothing to do: the reason stands where it is registered.
}
