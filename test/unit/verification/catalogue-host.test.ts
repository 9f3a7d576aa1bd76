import { expect, test } from 'vitest';

import type { HostNeeds, NeededExtension } from '../../../src/postgres/catalogue-reading-host.ts';
import {
  judgeCollations,
  judgeExtensions,
  judgeInvalidIndexes,
} from '../../../src/verification/catalogue-host.ts';

const NOTHING: HostNeeds = { extensions: [], lacking: [], collations: [], invalidIndexes: [] };
const POSTGIS: NeededExtension = {
  name: 'postgis',
  version: '3.4.2',
  isKnown: false,
  lacking: ['$libdir/postgis-3'],
  uses: 3,
};

function shop(needs: Partial<HostNeeds>): { database: string; needs: HostNeeds } {
  return { database: 'shop', needs: { ...NOTHING, ...needs } };
}

test('names an extension that is not installed here and the package that brings it', () => {
  const seen = judgeExtensions([shop({ extensions: [POSTGIS] })], { major: 15 });

  expect(seen).toEqual({
    verdict: 'ERROR',
    detail:
      'postgis 3.4.2 is used and not installed here ($libdir/postgis-3), which postgresql-15-postgis-3 (Debian) or postgis3*_15 (RPM) brings; 3 columns and indexes of its types cannot be read',
  });
});

test('passes with words where no table needs what is missing', () => {
  const cron = { ...POSTGIS, name: 'pg_cron', uses: 0 };

  const { verdict, detail } = judgeExtensions([shop({ extensions: [cron] })], { major: 16 });

  expect(verdict).toBe('PASS');
  expect(detail).toContain(
    'postgresql-16-cron (Debian) or pg_cron_16 (RPM) brings; no table needs it',
  );
});

test('does not fail for a control file alone: queries do not read it', () => {
  const known = { ...POSTGIS, lacking: [] };

  expect(judgeExtensions([shop({ extensions: [known] })], { major: 15 })).toMatchObject({
    verdict: 'PASS',
  });
});

test('names an extension that it has no package for, without one', () => {
  const own = { ...POSTGIS, name: 'acme' };

  expect(judgeExtensions([shop({ extensions: [own] })], { major: 15 }).detail).toMatch(
    /^acme 3.4.2 is used and not installed here \(\$libdir\/postgis-3\); 3 columns/,
  );
});

test('tells an extension once although several databases use it', () => {
  const both = [shop({ extensions: [POSTGIS] }), shop({ extensions: [{ ...POSTGIS, uses: 0 }] })];

  expect(judgeExtensions(both, { major: 15 })).toMatchObject({ verdict: 'ERROR' });
  expect(judgeExtensions(both, { major: 15 }).detail.match(/postgis 3\.4\.2/g)).toHaveLength(1);
});

test('tells of a library that functions without an extension need', () => {
  const { verdict, detail } = judgeExtensions([shop({ lacking: ['/opt/acme/rates'] })], {
    major: 15,
  });

  expect({ verdict, detail }).toEqual({
    verdict: 'PASS',
    detail: 'functions need the library /opt/acme/rates, which is not here',
  });
});

test('tells of a library that production loads at its start, without failing', () => {
  const seen = judgeExtensions([shop({})], { major: 15, preloads: ['pg_cron'] });

  expect(seen).toEqual({
    verdict: 'PASS',
    detail:
      'production loads pg_cron at its start, and it is not here, which postgresql-15-cron (Debian) or pg_cron_15 (RPM) brings',
  });
});

test('says that all extensions are here, or that none are used', () => {
  const here = { ...POSTGIS, isKnown: true, lacking: [] };

  expect(judgeExtensions([shop({ extensions: [here] })], { major: 15 }).detail).toBe(
    'all are here: postgis 3.4.2',
  );
  expect(judgeExtensions([shop({})], { major: 15 }).detail).toBe('none are used');
});

test('does not pass text indexes where the C library orders text otherwise', () => {
  const collations = ['default en_US.utf8 (2.31 there, 2.36 here)'];

  expect(judgeCollations([shop({ collations })])).toEqual({
    verdict: 'SKIPPED',
    detail:
      'text indexes cannot be judged here, and would need REINDEX on a machine like this: default en_US.utf8 (2.31 there, 2.36 here)',
  });
  expect(judgeCollations([shop({})]).verdict).toBe('PASS');
});

test('names invalid indexes, which are no fault of the backup', () => {
  const { verdict, detail } = judgeInvalidIndexes([shop({ invalidIndexes: ['orders_total'] })]);

  expect(verdict).toBe('PASS');
  expect(detail).toMatch(/^orders_total: left by an index build/);
});
