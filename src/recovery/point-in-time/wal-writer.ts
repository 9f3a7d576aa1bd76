/**
 * Writes WAL files as PostgreSQL wants them: of full size, with no tablespace of production's in them. Knows
 * how far each segment of the path was stored, and remembers where less of it could be read.
 */
import { writeFile } from 'node:fs/promises';

import { Problem } from '../../kernel/problem.ts';
import { isSegmentName, type SegmentName } from '../../kernel/wal-name.ts';
import type { WalPath } from '../coverage.ts';
import { WAL_HOLE } from '../problems.ts';
import type { ReadWal } from '../wal-sources.ts';
import { keepInside } from './keep-inside.ts';
import { bytesHeld } from './wal-order.ts';

export type WalFileName = SegmentName | `${string}.history`;

export interface WalWrite {
  readonly path: WalPath;
  readonly segmentBytes: number;
  readonly readWal: ReadWal;
  /** Why a store that was asked first did not give that file; undefined: nothing was wrong. */
  readonly troubleOf?: ((name: string) => Problem | undefined) | undefined;
}

export class WalWriter {
  readonly #request: WalWrite;
  /** Memory of a segment each, used again and again: fresh memory costs as much as unpacking into it. */
  readonly #spare: Buffer[] = [];
  readonly #cutShort = new Map<SegmentName, Problem>();

  constructor(request: WalWrite) {
    this.#request = request;
  }

  /** Why a segment ended before the path does; undefined: none did, as it was read last. */
  cutShort(): Problem | undefined {
    return this.#cutShort.values().next().value;
  }

  /** @throws Problem as `WalArchive.read()` does; RECOVERY_TABLESPACE_CUT */
  async write(name: WalFileName, file: string, signal: AbortSignal): Promise<'written' | 'absent'> {
    const into = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#request.segmentBytes);
    try {
      const content = await this.#request.readWal(name, { into, signal });
      if (content === undefined) return 'absent';
      const whole = isSegmentName(name) ? this.#whole(name, content) : content;
      await writeFile(file, whole, { mode: 0o600, signal });
      return 'written';
    } finally {
      this.#spare.push(into);
    }
  }

  /** Zeros to the full size, which are the end of the log: PostgreSQL refuses a file of any other. */
  #whole(name: SegmentName, content: Buffer): Buffer {
    const { path, segmentBytes, troubleOf } = this.#request;
    const held = bytesHeld(path, segmentBytes, name);
    if (content.length >= held) this.#cutShort.delete(name);
    else this.#cutShort.set(name, troubleOf?.(name) ?? shortened(name, content.length, held));
    const whole =
      content.length === segmentBytes ? content : Buffer.concat([content], segmentBytes);
    keepInside(whole, name);
    return whole;
  }
}

function shortened(name: SegmentName, bytes: number, held: number): Problem {
  const message = `Cannot replay to the end of the stored log: of WAL segment "${name}" ${held} bytes were stored, and ${bytes} can be read now`;
  return new Problem(WAL_HOLE, message, { facts: { segment: name } });
}
