import { expect, test } from 'vitest';

import { judgeSlot, matchesStandbyNames } from '../../../src/archiving/slot-guard.ts';

const SAFE = { slotKeepBytesMax: 1024, synchronousStandbyNames: '', walLevel: 'replica' };

test.each([
  ['', false],
  ['*', true],
  ['ANY 1 (*)', true],
  ['FIRST 2 (a, "dbdr_archiving", b)', true],
  ['2 (a, DBDR_Archiving)', true],
  ['a, dbdr_archiving_2, "dbdr archiving"', false],
  ['any 2 (standby1, standby2)', false],
])('matchesStandbyNames() says of "%s": %s', (setting, expected) => {
  expect(matchesStandbyNames(setting, 'dbdr_archiving')).toBe(expected);
});

test.each([
  { name: 'a bounded slot', facts: SAFE, acknowledged: false, outcome: 'safe' },
  {
    name: 'an unbounded slot nobody has acknowledged',
    facts: { ...SAFE, slotKeepBytesMax: undefined },
    acknowledged: false,
    outcome: 'unguarded',
  },
  {
    name: 'an unbounded slot a person has acknowledged',
    facts: { ...SAFE, slotKeepBytesMax: undefined },
    acknowledged: true,
    outcome: 'safe',
  },
  {
    name: 'a server that would wait for us, whatever was acknowledged',
    facts: { ...SAFE, synchronousStandbyNames: '*' },
    acknowledged: true,
    outcome: 'would be synchronous',
  },
  {
    name: 'a server that writes too little log',
    facts: { ...SAFE, walLevel: 'minimal' },
    acknowledged: true,
    outcome: 'wal level too low',
  },
])('judgeSlot() calls $name "$outcome"', ({ facts, acknowledged, outcome }) => {
  expect(judgeSlot(facts, acknowledged).outcome).toBe(outcome);
});
