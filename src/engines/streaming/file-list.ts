/**
 * The list of files as a manifest holds it (`format.ts`), written and read in bounded steps: between two
 * of them the process answers others, however many files there are.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';

import { damaged } from './pack-format.ts';

export interface FileEntry {
  /** Relative, with slashes. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedSeconds: number;
}

/** A few milliseconds of work. */
export const FILES_PER_STEP = 1000;
const BYTES_PER_STEP = 64 * 1024;
const LINE_END = 0x0a;

const whole = z.number().int().nonnegative();
const FileLine = z.tuple([
  z.string(),
  z.enum(['file', 'directory', 'link']),
  whole,
  whole,
  z.number(),
]);

export async function encodeFiles(files: readonly FileEntry[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = 0; at < files.length; at += FILES_PER_STEP) {
    const lines = files.slice(at, at + FILES_PER_STEP).map(encodeFile);
    parts.push(Buffer.from((at === 0 ? '' : '\n') + lines.join('\n')));
    await nextTurn();
  }
  return Buffer.concat(parts);
}

/** @throws Problem BACKUP_DAMAGED */
export async function decodeFiles(text: Buffer, name: string): Promise<FileEntry[]> {
  const files: FileEntry[] = [];
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf(LINE_END, at + BYTES_PER_STEP);
    const end = found < 0 ? text.length : found;
    for (const line of text.toString('utf8', at, end).split('\n'))
      files.push(decodeFile(line, name));
    at = end + 1;
    await nextTurn();
  }
  return files;
}

function encodeFile(file: FileEntry): string {
  return JSON.stringify([file.path, file.kind, file.sizeBytes, file.mode, file.modifiedSeconds]);
}

function decodeFile(line: string, name: string): FileEntry {
  let parsed: z.infer<typeof FileLine>;
  try {
    parsed = FileLine.parse(JSON.parse(line));
  } catch (error) {
    throw damaged(name, 'its file list cannot be read', error);
  }
  const [path, kind, sizeBytes, mode, modifiedSeconds] = parsed;
  return { path, kind, sizeBytes, mode, modifiedSeconds };
}
