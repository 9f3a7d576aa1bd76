/** People at two real browsers with the real bot: one asks by keyboard alone, another lets it happen. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { ANA, BEN, OPS } from '../../src/demo/people.ts';
import { startBrowser, type TestBrowser } from '../support/browser.ts';
import { openStory, type StoryStage } from '../support/story-stage.ts';
import { said } from '../support/story-words.ts';

/** A restore on two busy cores. */
const RESTORE_MS = 90_000;

let browser: TestBrowser;
let stage: StoryStage;

beforeAll(async () => {
  stage = await openStory();
  browser = await startBrowser();
  await stage.workspace.as(ANA).command('/dbdr backup shop', OPS);
  await said(stage, ['Back up shop: Done']);
});

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
});

async function openAs(person: string): Promise<Page> {
  const page = await browser.open(`${stage.workspace.url}/?as=${person}`);
  await page.getByRole('radio', { checked: true }).waitFor();
  return page;
}

/** Answers how many bytes the picture has. */
async function photograph(page: Page, name: string): Promise<number> {
  const folder = join(stage.folder, 'pictures');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  return (await stat(path)).size;
}

test('one types the restore with the keyboard alone, another approves it, both read the SQL', async () => {
  const [ana, ben] = [await openAs(ANA), await openAs(BEN)];

  // Ana: no mouse from here on.
  await ana.getByRole('combobox', { name: 'Message #ops' }).press('/');
  await ana.keyboard.type('dbdr res');
  await ana.getByRole('option', { name: /restore shop --to/ }).waitFor();
  await ana.keyboard.press('Tab');
  const composer = ana.getByRole('combobox', { name: 'Message #ops' });
  expect(await composer.inputValue()).toContain('/dbdr restore shop --to 14:46 --tables orders');
  await ana.keyboard.press('Home');
  await ana.keyboard.press('Shift+End');
  await ana.keyboard.type('/dbdr restore shop --to latest --tables orders');
  await ana.keyboard.press('Enter');
  await ana.getByText('Needs approval').waitFor();
  expect(await photograph(ana, 'asked')).toBeGreaterThan(10_000);

  // Ben: reads what it would do, hesitates once, approves.
  await ben.getByRole('button', { name: /Approve restore of shop/ }).click();
  const question = ben.getByRole('alertdialog');
  await question.getByText('This has an effect on production').waitFor();
  await question.getByRole('button', { name: 'Not now' }).click();
  await question.waitFor({ state: 'detached' });
  await ben.getByText('Needs approval').waitFor();
  await ben.getByRole('button', { name: /Approve restore of shop/ }).click();
  await question.getByRole('button', { name: 'Approve', exact: true }).click();
  await ben.getByRole('button', { name: /Approve restore of shop/ }).waitFor({ state: 'detached' });

  // Both: what came of it, without loading the page anew.
  for (const page of [ana, ben]) {
    await page.getByText(/INSERT INTO public\.orders/).waitFor({ timeout: RESTORE_MS });
    await page.getByText(/orders: 50,000 rows in dbdr_restored/).waitFor();
    await page
      .getByText(/Approved by/)
      .first()
      .waitFor();
    expect(await page.getByText('Needs approval').count()).toBe(0);
  }
  expect(await photograph(ben, 'done')).toBeGreaterThan(10_000);
  await browser.closePages();
});

test('a proof is read on the page: its position and what is at risk, every table in its thread', async () => {
  const ana = await openAs(ANA);
  const composer = ana.getByRole('combobox', { name: 'Message #ops' });
  await composer.fill('/dbdr verify shop');
  await composer.press('Enter');

  await ana.getByText(/shop is restorable to .* · PASS/).waitFor({ timeout: RESTORE_MS });
  await ana
    .getByText(/\(the newest\) was restored from .* and compared with production at log position/)
    .waitFor();
  await ana
    .getByText(/Data at risk now: .* \(objective .*\)\. Time to restore: .* Next proof/)
    .waitFor();
  await ana.getByRole('cell', { name: 'Restore', exact: true }).waitFor();
  expect(await photograph(ana, 'proved')).toBeGreaterThan(10_000);

  // The thread of the proof, which is the newest one.
  await ana.getByRole('button', { name: /repl/ }).last().click();
  await ana.getByRole('columnheader', { name: 'Rows in production' }).waitFor();
  await ana.getByRole('cell', { name: '50,000' }).first().waitFor();
  await ana
    .getByText(/^equal: -?\d+$/)
    .first()
    .waitFor();
  expect(await photograph(ana, 'proved-tables')).toBeGreaterThan(10_000);

  // What only she sees: every table, and the proofs so far, which lead back to their messages.
  const channel = ana.getByRole('log', { name: 'Messages in ops' });
  await channel.getByRole('button', { name: /^Every table of this proof/ }).click();
  await channel.getByText(/npx dbdr runs --run r-/).waitFor();
  await channel.getByRole('button', { name: 'The proofs of this server so far' }).click();
  await channel.getByText(/The last proof of shop/).waitFor();
  await channel.getByRole('columnheader', { name: 'Log position' }).waitFor();
  const link = channel.getByRole('cell', { name: /UTC$/ }).getByRole('link');
  expect(await link.getAttribute('href')).toMatch(/\/archives\/C\w+\/p\d+$/);
  expect(await photograph(ana, 'proved-history')).toBeGreaterThan(10_000);
  await browser.closePages();
});
