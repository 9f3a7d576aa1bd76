import { expect, test } from 'vitest';

import { keepFindings, ripen } from '../../../src/keys/kept-findings.ts';
import type { KeyIssue } from '../../../src/keys/report.ts';
import { keptFindings, UNTOLD } from '../../support/kept-findings.ts';

const START = Temporal.Instant.from('2026-11-22T05:30:00Z');
test('what a check cannot tell is a page on the third day, and over once one can', async () => {
  const findings = keptFindings();
  const told: (readonly string[])[] = [];
  for (const [day, issues] of [[UNTOLD], [UNTOLD], [UNTOLD], [UNTOLD], []].entries()) {
    const now = START.add({ hours: 24 * day });
    await keepFindings(findings, { issues, server: 'shop', now });
    told.push(findings.told);
  }

  const warn = ['KEY_UNPROVED warn'];
  expect(told).toEqual([warn, warn, warn, ['KEY_UNPROVED page'], []]);
});

test('what is certain is a page at once, and what was told of another server stays', async () => {
  const findings = keptFindings();
  const missing: KeyIssue = { ...UNTOLD, code: 'KEY_COPY_MISSING', severity: 'page' };
  await keepFindings(findings, { issues: [missing], server: 'other', now: START });

  await keepFindings(findings, { issues: [], server: 'shop', now: START });

  expect(findings.told).toEqual(['KEY_COPY_MISSING page']);
});

test('what a check closes while it ripens is not opened again', async () => {
  const findings = keptFindings();
  await keepFindings(findings, { issues: [UNTOLD], server: 'shop', now: START });
  const now = START.add({ hours: 75 });
  const closing = {
    ...findings,
    async list(server?: string) {
      const rows = await findings.list(server);
      await keepFindings(findings, { issues: [], server: 'shop', now });
      return rows;
    },
  };

  await ripen(closing, 'shop', now);

  expect(findings.told).toEqual([]);
});
