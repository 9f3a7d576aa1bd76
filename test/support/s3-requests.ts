/** What requests an S3 server is asked, and stores that give up soon. */
import { Readable } from 'node:stream';

import type { S3Limits } from '../../src/storage/s3/settings.ts';
import { pieces } from './byte-source.ts';
import type { Fault, SeenRequest } from './fault-proxy.ts';

export const IMPATIENT: Partial<S3Limits> = {
  connectMs: 2000,
  idleMs: 700,
  answerMs: 5000,
  retryBudgetMs: 20_000,
  writeBudgetMs: 20_000,
  attemptsMax: 6,
  firstWaitMs: 2,
  waitCapMs: 10,
};

export const SLOW_DOWN: Fault = { kind: 'answer', status: 503, code: 'SlowDown' };

/** After each of them, the same call may simply be made again. */
export const PASSING_FAULTS: readonly Fault[] = [
  { kind: 'answer', status: 500, code: 'InternalError' },
  SLOW_DOWN,
  { kind: 'answer', status: 409, code: 'ConditionalRequestConflict' },
  { kind: 'lose the answer' },
  { kind: 'reset' },
  { kind: 'hang' },
  { kind: 'break off', by: 'reset' },
  { kind: 'break off', by: 'end' },
];

export function bodyOf(bytes: Buffer): Readable {
  return Readable.from(pieces(bytes, 100_000));
}

export function isPut({ method, url }: SeenRequest): boolean {
  return method === 'PUT' && !url.includes('partNumber');
}

export function isBegin({ method, url }: SeenRequest): boolean {
  return method === 'POST' && url.includes('?uploads');
}

export function isPart({ method, url }: SeenRequest): boolean {
  return method === 'PUT' && url.includes('partNumber');
}

export function isEnd({ method, url }: SeenRequest): boolean {
  return method === 'POST' && url.includes('uploadId');
}

export function isGet({ method, url }: SeenRequest): boolean {
  return method === 'GET' && url.includes('x-id=GetObject');
}

/** Whether an object is there. */
export function isLook(asked: SeenRequest): boolean {
  return asked.method === 'HEAD' || isGet(asked);
}

export function isList({ method, url }: SeenRequest): boolean {
  return method === 'GET' && url.includes('list-type');
}

export function isVersionList({ method, url }: SeenRequest): boolean {
  return method === 'GET' && url.includes('versions');
}
