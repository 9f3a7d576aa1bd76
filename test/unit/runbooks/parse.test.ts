import { describe, expect, test } from 'vitest';

import { fillStep } from '../../../src/runbooks/fill.ts';
import { parseRunbook } from '../../../src/runbooks/parse.ts';

const PAGE = `---
id: bad-day
title: A bad day
answers: [WAL_HOLE]
inputs:
  server: { about: The server }
  moment: { about: The moment }
  tables: { about: The tables, optional: true }
---

Stay calm.

## Stop it

Stop what does **damage**.

- really

Estimate: 2 min

\`\`\`sh
psql -c 'select 1'
\`\`\`

## Bring it back

See \`npx dbdr status {{server}}\`.

Estimate: 1.5 h

\`\`\`sh
npx dbdr restore {{server}} --to {{moment}} --tables {{tables}}
\`\`\`

\`\`\`yaml step
operation: restore
arguments:
  server: "{{server}}"
  to: "{{moment}}"
  tables: "{{tables}}"
\`\`\`

\`\`\`sql verify
SELECT count(*) FROM {{tables}};
\`\`\`
`;

const KNOWN = {
  server: 'shop',
  moment: '2026-11-24T14:40:00Z',
  tables: ['orders', 'public.users'],
};

describe('parseRunbook()', () => {
  test('reads front matter, introduction and steps with all their parts', () => {
    const book = parseRunbook('bad-day.md', PAGE);

    expect(book).toMatchObject({
      id: 'bad-day',
      introduction: 'Stay calm.',
      answers: ['WAL_HOLE'],
    });
    expect(book.steps).toEqual([
      {
        id: 'stop-it',
        title: 'Stop it',
        prose: 'Stop what does **damage**.\n\n- really',
        estimateSeconds: 120,
        command: "psql -c 'select 1'",
        block: null,
        verifySql: null,
      },
      expect.objectContaining({ id: 'bring-it-back', estimateSeconds: 5400 }),
    ]);
  });

  test.each([
    ['a page without front matter', '## Stop\n', 'does not begin with front matter'],
    ['another id than the file', PAGE.replace('id: bad-day', 'id: good-day'), '"good-day"'],
    ['a page without steps', PAGE.slice(0, PAGE.indexOf('## Stop')), 'no step'],
    ['a step without an estimate', PAGE.replace('Estimate: 2 min', ''), 'Estimate: 4 min'],
    ['an estimate in no unit', PAGE.replace('2 min', '2 moons'), 'Estimate: 4 min'],
    [
      'a command that differs',
      PAGE.replace('--to {{moment}} --t', '--t'),
      'must say what dbdr asks',
    ],
    ['an undeclared input', PAGE.replace('FROM {{tables}}', 'FROM {{schema}}'), '{{schema}}'],
    ['a misspelled block', PAGE.replace('sql verify', 'sql verfy'), '"sql verfy"'],
    ['an unknown key', PAGE.replace('operation: restore', 'operatoin: restore'), 'operatoin'],
    ['two headings of one name', PAGE.replace('## Bring it back', '## Stop it'), 'stop-it'],
  ])('refuses %s', (_what, page, state) => {
    const message: unknown = expect.stringContaining(state);

    expect(() => parseRunbook('bad-day.md', page)).toThrow(expect.objectContaining({ message }));
  });
});

describe('fillStep()', () => {
  const { steps, inputs } = parseRunbook('bad-day.md', PAGE);
  const [stop, restore] = steps;
  if (stop === undefined || restore === undefined) throw new Error('The page has two steps');

  test('gives the exact command, the query, and arguments in which a list is a list', () => {
    expect(fillStep(restore, inputs, KNOWN)).toMatchObject({
      prose: 'See `npx dbdr status shop`.',
      command: 'npx dbdr restore shop --to 2026-11-24T14:40:00Z --tables orders,public.users',
      verifySql: 'SELECT count(*) FROM orders,public.users;',
      operation: 'restore',
      arguments: { server: 'shop', to: '2026-11-24T14:40:00Z', tables: ['orders', 'public.users'] },
      missing: [],
    });
  });

  test('leaves out an argument that is nothing but an unknown optional input', () => {
    const filled = fillStep(restore, inputs, { ...KNOWN, tables: [] });

    expect(filled.command).toBe('npx dbdr restore shop --to 2026-11-24T14:40:00Z');
    expect(filled.arguments).not.toHaveProperty('tables');
  });

  test('shows what is unknown as <name>, and says that the step must not be started', () => {
    const filled = fillStep(restore, inputs, { ...KNOWN, moment: undefined });

    expect(filled.command).toContain('--to <moment>');
    expect(filled.missing).toEqual(['moment']);
  });

  test('leaves a step for human hands without an operation', () => {
    expect(fillStep(stop, inputs, KNOWN)).toMatchObject({ operation: null, arguments: {} });
  });
});
