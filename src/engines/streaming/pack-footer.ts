/** Reads the end of a pack, as `format.ts` draws it, and proves that it agrees with itself. Pure. */
import { zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';

import { FORMAT_VERSION, FRAME_BYTES, PACK_FRAMES_MAX } from './format.ts';
import { damaged, type Frame, PACK_MAGIC, TRAILER_BYTES } from './pack-format.ts';

/** Little files may stand close together; a footer beyond it is not ours. */
const FOOTER_BYTES_MAX = 256 << 20;

const whole = z.number().int().nonnegative();
const Footer = z.strictObject({
  version: z.literal(FORMAT_VERSION),
  frames: z
    .array(
      z.tuple([
        whole.positive(),
        whole.positive().max(FRAME_BYTES),
        z.array(z.tuple([whole, whole, whole.positive()])).min(1),
      ]),
    )
    .max(2 * PACK_FRAMES_MAX),
});

export interface Trailer {
  readonly frames: number;
  readonly footerBytes: number;
}

export function readTrailer(trailer: Buffer, name: string): Trailer {
  if (trailer.length !== TRAILER_BYTES || !trailer.subarray(0, 4).equals(PACK_MAGIC))
    throw damaged(name, 'it does not end like a pack');
  const footerBytes = Number(trailer.readBigUInt64BE(8));
  if (footerBytes > FOOTER_BYTES_MAX) throw damaged(name, 'its index is far too large');
  return { frames: trailer.readUInt32BE(4), footerBytes };
}

/** The frames, proved to fill the pack and their extents to fill the frames. */
export function readFooter(footer: Buffer, framesBytes: number, name: string): Frame[] {
  const frames = parseFooter(footer, name);
  let storedBytes = 0;
  for (const [stored, plain, extents] of frames) {
    storedBytes += stored;
    const covered = extents.reduce((sum, [, , length]) => sum + length, 0);
    if (covered !== plain) throw damaged(name, 'its index does not agree with itself');
  }
  if (storedBytes !== framesBytes) throw damaged(name, 'its index does not agree with its length');
  return frames;
}

function parseFooter(footer: Buffer, name: string): Frame[] {
  try {
    const json = zstdDecompressSync(footer, { maxOutputLength: FOOTER_BYTES_MAX });
    return Footer.parse(JSON.parse(json.toString('utf8'))).frames;
  } catch (error) {
    throw damaged(name, 'its index cannot be read', error);
  }
}
