import { describe, expect, test } from 'vitest';

import {
  composeUpdate,
  draftUpdate,
  nextTemplate,
  TEMPLATES,
  type UpdateSubject,
  updateText,
} from '../../../src/communications/compose.ts';

const NOW = Temporal.Instant.from('2026-11-22T14:56:30Z');
const SUBJECT: UpdateSubject = {
  id: 'inc-1122-shop',
  server: 'shop',
  title: 'shop: rows or a table are gone',
  openedAt: '2026-11-22T14:53:00.000000Z',
  facts: [['All was well at', '2026-11-22 14:42:00 UTC']],
  steps: [
    { title: 'Stop it', state: 'done', estimateSeconds: 60 },
    { title: 'Bring it back', state: 'running', estimateSeconds: 300 },
    { title: 'Clean up', state: 'open', estimateSeconds: 60 },
  ],
  updates: { count: 0 },
};

describe('draftUpdate()', () => {
  test('begins with when it happened, as far as anybody knows', () => {
    expect(draftUpdate(SUBJECT, 'first notice').what).toBe(
      'Shop: rows or a table are gone since about 14:42 UTC.',
    );
    const unknown = { ...SUBJECT, facts: [['All was well at', 'not known yet']] as const };
    expect(draftUpdate(unknown, 'first notice').what).toContain('14:53 UTC');
  });

  test('tells in progress which step is under way and how long it usually takes', () => {
    expect(draftUpdate(SUBJECT, 'progress').doing).toBe(
      '1 of 3 steps are done. Now: Bring it back (usually 5 min).',
    );
  });

  test('promises no further update with the resolution', () => {
    expect(draftUpdate(SUBJECT, 'resolution').nextInMinutes).toBe(0);
  });

  test.each(TEMPLATES)('claims nothing about lost data that nobody has said: %s', (template) => {
    const { what, impact, doing } = draftUpdate(SUBJECT, template);

    expect(`${what} ${impact} ${doing}`).not.toMatch(
      /data loss|no data (?:was|is) lost|nothing is lost/i,
    );
  });
});

describe('composeUpdate()', () => {
  const fields = {
    what: 'It is gone.',
    impact: 'No labels.',
    doing: 'We restore.',
    nextInMinutes: 20,
  };

  test('says what, impact, what we do, when they hear more, and who says it', () => {
    const update = composeUpdate({
      subject: SUBJECT,
      template: 'first notice',
      fields,
      author: 'Ben',
      now: NOW,
    });

    expect(updateText(update)).toBe(
      [
        'Update 1 · 14:56 UTC · shop',
        'What: It is gone.',
        'Impact: No labels.',
        'What we do: We restore.',
        'Next update by: 15:16 UTC',
        '— Ben, for the incident team',
      ].join('\n'),
    );
  });

  test('counts updates, and says with the last one that it is the last', () => {
    const update = composeUpdate({
      subject: { ...SUBJECT, updates: { count: 2 } },
      template: 'resolution',
      fields: { ...fields, nextInMinutes: 0 },
      author: 'Ben',
      now: NOW,
    });

    expect(update.title).toBe('Resolved, update 3 · 14:56 UTC · shop');
    expect(update.parts.at(-1)?.[1]).toContain('the last update');
  });
});

test('nextTemplate() is the first notice once, then progress', () => {
  expect(nextTemplate({ updates: { count: 0 } })).toBe('first notice');
  expect(nextTemplate({ updates: { count: 1 } })).toBe('progress');
});
