import { expect, test } from 'vitest';

import { viewOf } from '../../../src/cli/views.ts';
import { backupIdAt, newRunId } from '../../../src/kernel/ids.ts';
import { explainRetention } from '../../../src/retention/explain.ts';
import { tiersOfListed } from '../../../src/retention/listed-tiers.ts';
import { planRetention } from '../../../src/retention/plan.ts';
import { rememberedWindow } from '../../../src/retention/remembered-window.ts';
import type { RetentionPlan, RetentionResult } from '../../../src/retention/schema.ts';
import { holdLines, retentionLines, retentionTitle } from '../../../src/retention/words.ts';
import { answerMessage } from '../../../src/slack/messages/answer.ts';
import { keepingBlocks } from '../../../src/slack/messages/retention.ts';
import { backupOf, datesFrom, factsOf, RULES } from '../../support/retention-days.ts';

const NOW = Temporal.Instant.from('2026-11-30T03:00:00Z');
const BACKUPS = datesFrom('2026-11-01', 30).map((date, number) =>
  backupOf({ date, number, verdict: 'PASS' }),
);

function planOf(change: Partial<RetentionPlan> = {}): RetentionPlan {
  const { keep, remove, wal, countedFrom, windowFrom } = planRetention(factsOf(BACKUPS));
  return {
    server: 'shop',
    apply: true,
    automatic: false,
    zone: 'UTC',
    rules: RULES,
    stores: ['here', 'west'],
    countedFrom,
    windowFrom,
    keep: keep.map((one) => ({
      ...one,
      stores: [...one.stores],
      tiers: [...one.tiers],
      reasons: [...one.reasons],
    })),
    remove: remove.map((one) => ({ ...one, stores: [...one.stores] })),
    wal: wal.map((rule) => ({
      ...rule,
      keepSegments: 40,
      keepBytes: 4e8,
      removeSegments: 412,
      removeBytes: 4e9,
    })),
    freedBytes: 7.2e9,
    blocked: [],
    trouble: [],
    warnings: [],
    ...change,
  };
}

function resultOf(change: Partial<RetentionResult> = {}): RetentionResult {
  const { apply: _apply, stores: _stores, ...shown } = planOf();
  const nothing = { stayed: [], notApplied: [], lockedObjects: 0, lockedLonger: 0 };
  return { ...shown, applied: false, ...nothing, removedObjects: 0, ...change };
}

test('a plan says what goes and why, what stays, and how dangerous it is', () => {
  const { title, facts, approveLabel, command } = explainRetention(planOf());
  const fact = new Map(facts);

  expect(title).toBe('Remove 20 backups and 412 segments of log of shop');
  expect(fact.get('Removes')).toContain('20261121T020000Z (no rule keeps it: 7 daily from');
  expect(fact.get('Removes')).toContain('and 8 more');
  expect(fact.get('Keeps')).toBe('10 backups: 7 daily, 4 weekly, 1 monthly, 1 for other reasons');
  expect(fact.get('Frees')).toBe('7.2 GB in here, west');
  expect(fact.get('Danger')).toMatch(/^high: /);
  expect(approveLabel).toBe('Approve removal of shop');
  expect(command).toBe('npx dbdr retention shop --apply');
  expect(explainRetention(planOf({ automatic: true })).facts.at(-1)?.[1]).toMatch(/^low: /);
});

test('the diff reads from new to old, what stays with a plus and what goes with a minus, in both places', () => {
  const result = resultOf();
  const lines = retentionLines(result) ?? [];

  expect(lines[0]).toBe('shop: would remove 20 backups, 7.2 GB; 10 stay');
  expect(lines[1]).toMatch(/^\+ 20261130T020000Z {2}proved {6}daily 2026-11-30, weekly 2026-W49/);
  expect(lines.find((line) => line.startsWith('- '))).toMatch(/^- 20261121T020000Z {2}proved/);
  expect(lines.at(-1)).toBe('Do it with `retention shop --apply`.');
  const reader = { zone: 'UTC', now: NOW };
  const withRun = { ...result, runId: newRunId(NOW) };
  expect(viewOf('retention', withRun, reader)).toBe(lines.join('\n'));
  expect(answerMessage('retention', result, reader).text).toContain('- 20261121T020000Z');
  expect(JSON.stringify(keepingBlocks(result))).toContain('+ 20261130T020000Z');
  expect(retentionTitle(resultOf({ applied: true }))).toBe(
    'shop: removed 20 backups, 7.2 GB; 10 stay',
  );
});

test('what did not go is told with its reason, and a store that refuses with what to do', () => {
  const lines = retentionLines(
    resultOf({
      applied: true,
      stayed: [{ backupId: '20261121T020000Z', store: 'west', why: 'held: incident 42' }],
      notApplied: [{ store: 'here', code: 'X', reason: 'It may not', hint: 'Let it.' }],
      lockedObjects: 3,
    }),
  );

  expect(lines).toContain('Still in west: 20261121T020000Z: held: incident 42.');
  expect(lines).toContain('Not applied in here: It may not. Let it.');
  expect(lines).toContain('3 objects locked: kept until their time.');
});

test('holds are listed with who, why and until when', () => {
  const hold = {
    server: 'shop',
    backupId: '20261121T020000Z',
    reason: 'incident 42',
    until: null,
    placedAt: '2026-11-24T12:00:00.000000Z',
    by: 'ana',
  };

  expect(holdLines({ holds: [hold] })).toEqual([
    '20261121T020000Z of shop: incident 42, until it is released (by ana, 2026-11-24 12:00:00 UTC)',
  ]);
  expect(holdLines({ holds: [] })).toEqual(['No hold is in force.']);
  const notLocked = [{ store: 'west', reason: 'Cannot lock: it is denied' }];
  expect(holdLines({ holds: [], notLocked })?.at(-1)).toBe(
    'Not locked for longer in west: Cannot lock: it is denied.',
  );
});

test('lists and status go by the same rules as the plan', () => {
  const listed = BACKUPS.map(({ summary }) => ({
    summary,
    copies: [{ verified: { verdict: 'PASS' } }, { verified: null }],
  }));
  const rows = BACKUPS.map(({ summary, copies: [copy] }) => ({
    server: 'shop',
    backupId: backupIdAt(Temporal.Instant.from(summary.beganAt)),
    store: 'here',
    summary: { ...summary, damagedFiles: [] },
    verdict: copy?.verdict ?? null,
    verifiedAt: copy?.verifiedAt ?? null,
    verifyRunId: null,
  }));

  const tiers = tiersOfListed(listed, RULES, 'UTC');
  expect(tiers.get('7341/20261130T020000Z')).toEqual(['daily', 'weekly', 'monthly']);
  expect(tiers.get('7341/20261121T020000Z')).toBeUndefined();
  const request = { server: 'shop', rules: RULES, zone: 'UTC', now: NOW };
  expect(rememberedWindow(rows, request)).toBe(planOf().windowFrom);
  expect(rememberedWindow([], request)).toBeUndefined();
});
