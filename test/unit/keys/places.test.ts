/** Two places that hold different keys under one name: what is stored tells which is right, or nobody. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { keyRing } from '../../../src/encryption/file-key-ring.ts';
import type { Generations } from '../../../src/encryption/generations.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { checkKeys } from '../../../src/keys/check.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { STORE_UNREACHABLE } from '../../../src/storage/problems.ts';
import { faultyStore } from '../../support/faulty-store.ts';
import {
  ALL,
  check,
  depsOf,
  filled,
  putWith,
  walName,
  withOther,
} from '../../support/stored-keys.ts';

const { signal } = new AbortController();

describe('when two regions hold different keys under one name', () => {
  const [EAST, WEST] = ['us-east-1', 'us-west-2'];

  test.each([
    ['the second', { right: EAST, wrong: WEST }],
    ['the first', { right: WEST, wrong: EAST }],
  ])('names %s where what is stored tells it is wrong', async (_which, { right, wrong }) => {
    const bad = withOther('k2');
    const places = [EAST, WEST].map((name) => ({ name, holds: name === right ? ALL : bad }));

    const report = await check(places, await filled());

    expect(report.verdict).toBe('FAIL');
    expect(report.issues).toMatchObject([
      { code: 'KEY_COPY_MISSING', keyId: 'k2', severity: 'page' },
    ]);
    const [{ summary, hint } = { summary: '', hint: '' }] = report.issues;
    expect(summary).toMatch(new RegExp(`^${wrong} holds another key .* than ${right}, whose key`));
    expect(hint).toMatch(new RegExp(`what ${wrong} holds, then bring .* as ${right} has it`));
    expect(hint).toContain(`change nothing in ${right}`);
    const rows = report.keys[1]?.places ?? [];
    expect(rows.find(({ place }) => place === right)).toMatchObject({ readable: true });
    expect(rows.find(({ place }) => place === wrong)).toMatchObject({
      readable: false,
      code: 'KEY_DIFFERS',
    });
    expect(report.keys[1]?.uses.map(({ oldest }) => oldest.proved)).toEqual([true, true]);
  });

  async function undecided(holds: Generations, store: ObjectStore): Promise<string> {
    const { issues, keys } = await check(
      [
        { name: EAST, holds },
        { name: WEST, holds: ALL },
      ],
      store,
    );
    const told = issues.filter(({ code }) => code === 'KEY_COPY_MISSING');
    const [{ keyId, severity, summary, hint } = { summary: '', hint: '' }, ...more] = told;
    expect(more).toEqual([]);
    expect(severity).toBe('page');
    const places = keys.find((key) => key.keyId === keyId)?.places;
    const row = { readable: null, code: 'KEY_DIFFERS', problem: summary };
    expect(places).toMatchObject([row, row]);
    expect(hint).toMatch(/^Keep a copy of each of them somewhere else, and replace none/);
    expect(hint).not.toMatch(/bring/i);
    return summary;
  }

  test('names none where nothing is stored that tells it', async () => {
    expect(await undecided(withOther('k3'), memoryStore())).toMatch(
      /hold different keys under the name "k3", and nothing is stored that tells which is right/,
    );
  });

  test('names none where each decrypts a part', async () => {
    const holds = withOther('k2');
    const store = await filled();
    const name = walName(9);
    const ring = keyRing(new Map([['k2', holds.keys.get('k2') ?? Buffer.alloc(32)]]));
    await putWith(store, name, ring);

    expect(await undecided(holds, store)).toMatch(/each of them decrypts a part/);
  });

  test('names none where no key decrypts what is stored', async () => {
    const store = memoryStore();
    const name = walName(1);
    const ring = keyRing(new Map([['k3', randomBytes(32)]]));
    await putWith(store, name, ring);

    expect(await undecided(withOther('k3'), store)).toMatch(
      /none of them decrypts the oldest and the newest of what is stored/,
    );
  });

  test('names none where one decrypts the newest, and nobody the oldest', async () => {
    const store = await filled();
    const lost = keyRing(new Map([['k2', randomBytes(32)]]));
    await putWith(store, walName(9), lost);

    expect(await undecided(withOther('k2'), store)).toMatch(
      /the key of us-west-2 decrypts only a part of the oldest and the newest of what is stored/,
    );
  });

  test('names none while a store could not be read', async () => {
    const broken = faultyStore(memoryStore());
    broken.failNext('list', new Problem(STORE_UNREACHABLE, 'It is silent'));
    const places = [
      { name: EAST, holds: withOther('k2') },
      { name: WEST, holds: ALL },
    ];
    const stores = [
      { name: 'west', store: broken },
      { name: 'here', store: await filled() },
    ];

    const { issues } = await checkKeys(depsOf(places, stores), { signal });

    const told = issues.find(({ code }) => code === 'KEY_COPY_MISSING');
    expect(told?.summary).toMatch(/not all of what is stored could be read/);
    expect(told?.hint).not.toMatch(/bring/i);
  });
});
