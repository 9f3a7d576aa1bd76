/** Tests of where a scratch cluster lives, and of what teardown is willing to believe. */
import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  placeJson,
  planScratchPlace,
  readScratchPlace,
  scratchUrl,
} from '../../../src/clusters/place.ts';

test('planScratchPlace() keeps everything in one folder', () => {
  expect(planScratchPlace({ root: '/srv/scratch', name: 'r-1' })).toEqual({
    folder: '/srv/scratch/r-1',
    dataDirectory: '/srv/scratch/r-1/data',
    socketFolder: '/srv/scratch/r-1/socket',
  });
});

test('planScratchPlace() finds a short socket folder however deep the scratch folder is', () => {
  const part = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), part, (parts, name) => {
      const place = planScratchPlace({ root: `/${parts.join('/')}`, name });

      expect(Buffer.byteLength(`${place.socketFolder}/.s.PGSQL.5432.lock`)).toBeLessThan(104);
    }),
  );
});

test('readScratchPlace() reads back what was written down', () => {
  const place = planScratchPlace({ root: '/srv/scratch', name: 'r-1', into: '/srv/restored' });

  expect(readScratchPlace(placeJson(place))).toEqual(place);
});

test.each([
  [{ folder: '/', dataDirectory: '/a/b', socketFolder: '/a/c' }],
  [{ folder: '/srv', dataDirectory: '/a/b', socketFolder: '/a/c' }],
  [{ folder: '/srv/../etc', dataDirectory: '/a/b', socketFolder: '/a/c' }],
  [{ folder: 'srv/x', dataDirectory: '/a/b', socketFolder: '/a/c' }],
  [{ folder: '/srv/x', dataDirectory: '/home', socketFolder: '/a/c' }],
  [{ folder: '/srv/x' }],
])('readScratchPlace() refuses %j: a folder that is removed must be one of ours', (value) => {
  expect(readScratchPlace(value)).toBeUndefined();
});

test('scratchUrl() is a URL that other programs read as well', () => {
  const place = planScratchPlace({ root: '/srv/scratch', name: 'r-1' });

  expect(scratchUrl(place, 'shop', 'ana b')).toBe(
    'postgres:///shop?host=%2Fsrv%2Fscratch%2Fr-1%2Fsocket&port=5432&user=ana+b',
  );
});
