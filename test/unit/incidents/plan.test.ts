import { describe, expect, test } from 'vitest';

import { explainIncident } from '../../../src/incidents/explain.ts';
import { IncidentInput, planIncident } from '../../../src/incidents/plan.ts';
import { readScenario, runbookFor } from '../../../src/incidents/scenarios.ts';

const FACTS = {
  servers: ['shop', 'books'],
  zone: 'Europe/Berlin',
  now: Temporal.Instant.from('2026-11-22T14:53:00Z'),
};

describe('planIncident()', () => {
  test('resolves the moment in the zone of whoever asks, and the scenario', () => {
    const input = {
      action: 'open',
      subject: 'shop',
      what: 'gone',
      when: '15:40',
      tables: ['orders'],
    };

    expect(planIncident(IncidentInput.parse(input), FACTS)).toMatchObject({
      server: 'shop',
      scenario: 'rows or a table gone',
      at: '2026-11-22T14:40:00Z',
      tables: ['orders'],
    });
  });

  test.each([
    [
      'an unknown server',
      { action: 'open', subject: 'shpo', what: 'gone' },
      'Did you mean `shop`?',
    ],
    ['no server where there are two', { action: 'open', what: 'gone' }, 'incident open shop'],
    ['no word on what happened', { action: 'open', subject: 'shop' }, '--what gone'],
    ['an event nobody wrote a page for', { action: 'open', subject: 'shop', what: 'fire' }, 'Say'],
    [
      'a table that is SQL',
      { action: 'open', subject: 'shop', what: 'gone', tables: ['a; b'] },
      'orders',
    ],
    [
      'a moment to come',
      { action: 'note', subject: 'inc-1', when: '2027-01-01T00:00:00Z' },
      'last moment',
    ],
    [
      'a moment that was twice',
      { action: 'note', subject: 'i', when: '2026-10-25 02:30' },
      'Say which',
    ],
    ['no incident', { action: 'close' }, 'incident close'],
    ['no step', { action: 'tick', subject: 'inc-1' }, '--step 2'],
  ])('refuses %s, and says what to write', (_what, input, words) => {
    const hint: unknown = expect.stringContaining(words);

    expect(() => planIncident(IncidentInput.parse(input), FACTS)).toThrow(
      expect.objectContaining({ hint }),
    );
  });
});

describe('explainIncident()', () => {
  test('gives the command that asks for the same, with the absolute moment', () => {
    const input = {
      action: 'open',
      subject: 'shop',
      what: 'gone',
      when: '15:40',
      note: 'it is "bad"',
    };
    const plan = planIncident(IncidentInput.parse(input), FACTS);

    expect(explainIncident(plan).command).toBe(
      'npx dbdr incident open shop --what "rows or a table gone" --when 2026-11-22T14:40:00Z --note "it is \\"bad\\""',
    );
  });
});

describe('scenarios', () => {
  test.each([
    ['gone', 'rows or a table gone'],
    ['Rows or a table are gone', 'rows or a table gone'],
    ['table dropped', 'rows or a table gone'],
    ['bad change', 'bad change'],
    ['a migration', 'bad change'],
    ['a deploy did damage', 'bad change'],
    ['damaged backup', 'damaged backup'],
    ['proof failed', 'damaged backup'],
  ])('are read from what people type: %s', (text, id) => {
    expect(readScenario(text).id).toBe(id);
  });

  test.each([
    'damaged',
    'orders damaged',
    'data is damaged',
    'no backup of orders',
    'backup damage',
  ])('are asked for, not guessed, where two may be meant: %s', (text) => {
    expect(() => readScenario(text)).toThrow(
      expect.objectContaining({
        hint: expect.stringMatching(
          /`--what "bad change"` or `--what "damaged backup"`/,
        ) as unknown,
      }),
    );
  });

  test('are asked for by the two that fit', () => {
    expect(() => readScenario('rows deleted by a migration')).toThrow(
      expect.objectContaining({
        hint: 'Say which: `--what "rows or a table gone"` or `--what "bad change"`.',
      }),
    );
  });

  test('lead to the page that loses least: one that keeps the rest where the tables are known', () => {
    const change = readScenario('bad change');

    expect(runbookFor(change, ['orders'])).toBe('accidental-deletion.md');
    expect(runbookFor(change, [])).toBe('point-in-time.md');
    expect(runbookFor(readScenario('gone'), [])).toBe('accidental-deletion.md');
  });
});
