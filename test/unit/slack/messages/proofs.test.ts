/** What a proof's report leads to: its buttons, every table page by page, and the proofs before it. */
import { describe, expect, test } from 'vitest';

import type { Json } from '../../../../src/kernel/codecs.ts';
import { lintMessage } from '../../../../src/slack/limits.ts';
import {
  historyMessage,
  proofButtons,
  tablesMessage,
} from '../../../../src/slack/messages/proofs.ts';
import { runMessage } from '../../../../src/slack/messages/run.ts';
import { pagesOf } from '../../../../src/slack/messages/tables.ts';
import { checkBlocks } from '../../../../src/workspace/limits/blocks.ts';
import { sampleFailedProof, sampleProof } from '../../../support/proof-samples.ts';
import {
  AROUND,
  buttonsOf,
  readable,
  runIdOf,
  sampleRun,
  sampleView,
} from '../../../support/slack-samples.ts';

const LINK = 'https://acme.slack.com/archives/C0OPS/p1700000000000001';

function proofRun(result: Json, number = 1) {
  const state = 'done' as const;
  return sampleRun({ operation: 'verify', state, runId: runIdOf(number), result });
}

function manyTables(count: number): ReturnType<typeof sampleProof> {
  const [, users] = sampleProof().tables;
  if (users === undefined) throw new Error('There are two');
  const tables = Array.from({ length: count }, (_each, at) => ({ ...users, table: `t_${at}` }));
  return sampleProof({ tables });
}

function rowsOf(message: ReturnType<typeof tablesMessage>): readonly (readonly unknown[])[] {
  const table = message.blocks.find((block) => block.type === 'table');
  return (table?.rows ?? []).map((row) => row.map((cell) => ('text' in cell ? cell.text : cell)));
}

describe('proofButtons()', () => {
  test('lead to the tables and the history, and after a FAIL first of all to the walk', () => {
    const run = runIdOf(1);

    expect(buttonsOf({ blocks: proofButtons(sampleProof(), run) })).toEqual([
      'proof_tables',
      'proof_history',
    ]);
    expect(buttonsOf({ blocks: proofButtons(sampleFailedProof(), run) })).toEqual([
      'proof_walk',
      'proof_tables',
      'proof_history',
    ]);
    expect(buttonsOf({ blocks: proofButtons(sampleProof({ tables: [] }), run) })).toEqual([
      'proof_history',
    ]);
  });

  test('name the run and nothing else, which is all that anybody who sees them may read', () => {
    const [block] = proofButtons(sampleFailedProof(), runIdOf(1));
    const values = block?.type === 'actions' ? block.elements : [];

    expect(values).toMatchObject([
      { value: runIdOf(1), accessibility_label: expect.stringContaining('shop') as unknown },
      { value: `${runIdOf(1)} 1` },
      { value: runIdOf(1) },
    ]);
  });

  test('stand in the report, which links to itself', () => {
    const view = sampleView({ run: proofRun(sampleFailedProof()), link: LINK });

    const message = runMessage(view, AROUND, 1);

    expect(buttonsOf(message)).toContain('proof_walk');
    expect(readable(message)).toContain(`run <${LINK}|${runIdOf(1)}>`);
    expect(lintMessage(message)).toEqual([]);
    expect(checkBlocks(message.blocks, 'message')).toEqual([]);
  });
});

describe('tablesMessage()', () => {
  test('shows each table with both counts and hashes, and where its run is', () => {
    const message = tablesMessage(proofRun(sampleFailedProof()), 1, LINK);

    expect(readable(message)).toContain('*shop could NOT be proved restorable · FAIL*\n2 tables');
    expect(rowsOf(message)).toEqual([
      ['Table', 'Rows in production', 'Rows in the copy', 'Contents'],
      [
        'orders',
        '41,186,118',
        '41,186,117',
        'DIFFERENT in pages 1000 to 2000: 9182736455 in production, 9182736454 in the copy',
      ],
      ['users', '50,000', '50,000', 'equal: -77'],
    ]);
    expect(message.text).toContain('users, 50,000, 50,000, equal: -77');
    expect(readable(message)).toContain(`<${LINK}|${runIdOf(1)}>`);
    expect(buttonsOf(message)).toEqual([]);
  });

  test('turns pages, each within what Slack takes, and every table stands on exactly one', () => {
    const run = proofRun(manyTables(120));

    const pages = [1, 2, 3].map((page) => tablesMessage(run, page, undefined));

    expect(pages.map(buttonsOf)).toEqual([
      ['proof_tables'],
      ['proof_tables_earlier', 'proof_tables'],
      ['proof_tables_earlier'],
    ]);
    expect(readable(pages[1] ?? { blocks: [] })).toContain('Tables 51 to 100 of 120');
    const named = pages.flatMap((page) =>
      rowsOf(page)
        .slice(1)
        .map(([name]) => name),
    );
    expect(named).toEqual(Array.from({ length: 120 }, (_each, at) => `t_${at}`));
    for (const page of pages) {
      expect(lintMessage(page)).toEqual([]);
      expect(checkBlocks(page.blocks, 'message')).toEqual([]);
    }
    expect(tablesMessage(run, 99, undefined)).toEqual(pages[2]);
    expect(tablesMessage(run, -1, undefined)).toEqual(pages[0]);
  });

  test('says so where nothing was compared', () => {
    expect(tablesMessage(proofRun(null), 1, undefined).text).toBe(
      'This proof has compared no table.',
    );
  });
});

test('pagesOf() keeps each page within ten thousand characters, however long the names are', () => {
  const rows = Array.from({ length: 60 }, () => ['x'.repeat(900), 'y'.repeat(900)]);

  const pages = pagesOf(rows);

  expect(pages.flat()).toHaveLength(60);
  for (const page of pages) expect(page.flat().join('').length).toBeLessThanOrEqual(10_000);
});

describe('historyMessage()', () => {
  test('shows verdict, backup, store, position and seconds of each, linked to its message', () => {
    const failed = { ...proofRun(null, 2), state: 'failed' as const };
    const older = sampleProof({ isNewest: false, restoredToLsn: null });

    const message = historyMessage('shop', [
      { run: proofRun(sampleProof()), link: LINK },
      { run: proofRun(older, 3), link: undefined },
      { run: failed, link: undefined },
    ]);

    expect(readable(message)).toContain('*The last 3 proofs of shop*, newest first');
    const [header, first, ...rest] = rowsOf(message);
    expect(header).toEqual(['Began', 'Verdict', 'Backup', 'Store', 'Log position', 'Took']);
    expect(JSON.stringify(first?.[0])).toContain(LINK);
    expect(first?.slice(1)).toEqual([
      'PASS',
      '20261122T021104Z',
      'west',
      '5/3A91F228',
      '8 min 1 s',
    ]);
    expect(rest).toEqual([
      [
        '2026-11-22 14:52:01 UTC',
        'PASS',
        '20261122T021104Z (an older one)',
        'west',
        '–',
        '8 min 1 s',
      ],
      ['2026-11-22 14:52:01 UTC', 'ERROR', '–', '–', '–', '–'],
    ]);
    expect(lintMessage(message)).toEqual([]);
    expect(checkBlocks(message.blocks, 'message')).toEqual([]);
  });

  test('says so where there is none', () => {
    expect(historyMessage('shop', []).text).toBe('No proof of shop has ended yet.');
  });
});
