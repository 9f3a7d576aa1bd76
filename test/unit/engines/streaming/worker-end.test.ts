/** Tests of ending worker threads. */
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

import { endWorker } from '../../../../src/engines/streaming/worker-end.ts';

const OBEDIENT = `
  const { parentPort } = require('node:worker_threads');
  const { zstdCompressSync, zstdDecompressSync } = require('node:zlib');
  const packed = zstdCompressSync(Buffer.alloc(1000));
  parentPort.on('message', ({ kind }) => {
    if (kind === 'leave') return parentPort.close();
    for (let times = 0; times < 50; times += 1) zstdDecompressSync(packed);
    parentPort.postMessage('done');
  });
`;

function start(program: string): { readonly worker: Worker; readonly answers: unknown[] } {
  const worker = new Worker(program, { eval: true });
  const answers: unknown[] = [];
  worker.on('message', (answer) => answers.push(answer));
  worker.on('error', () => undefined);
  return { worker, answers };
}

test('a worker in the middle of its orders does them, and ends', async () => {
  const { worker, answers } = start(OBEDIENT);
  for (let orders = 0; orders < 30; orders += 1) worker.postMessage({ kind: 'work' }, []);

  await endWorker(worker);

  expect(worker.threadId).toBe(-1);
  expect(answers).toHaveLength(30);
});

test('a worker that has nothing to do, has ended, or fails at its start is waited for no longer than it lives', async () => {
  const idle = start(OBEDIENT).worker;
  const broken = start('throw new Error("broken")').worker;

  await Promise.all([endWorker(idle), endWorker(broken)]);
  await endWorker(idle);

  expect([idle.threadId, broken.threadId]).toEqual([-1, -1]);
});
