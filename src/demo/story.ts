/**
 * The story with nobody at the keyboard, through the same signed payloads a person's clicks send: back
 * up, prove, the bad migration, an incident, a restore that waits for a colleague, the column joined
 * back, stakeholders told. It succeeds only if every one of the 50,000 addresses is what it was.
 */
import type { Clock } from '../kernel/clock.ts';
import { formatSeconds } from '../kernel/moment.ts';
import type { Session } from '../postgres/session.ts';
import type { Message, View, Workspace } from '../workspace/workspace.ts';
import { type Damage, fingerprintAddresses, runBadMigration } from './bad-migration.ts';
import { ANA, BEN, NEWS, OPS, OTTO, PEOPLE } from './people.ts';
import { ORDER_COUNT } from './shop.ts';
import type { Timeline } from './timeline.ts';

export interface StoryOptions {
  readonly workspace: Workspace;
  readonly shop: Session;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface StoryEnd {
  readonly outcome: 'all addresses are back' | 'addresses are missing';
  readonly expected: Damage['lost'];
  readonly found: Damage['lost'];
}

const BACKUP_MS = 120_000;
const RESTORE_MS = 240_000;
const ANSWER_MS = 20_000;

export async function playStory(options: StoryOptions): Promise<StoryEnd> {
  const { shop, timeline, workspace } = options;
  const ana = workspace.as(ANA);
  await ana.command('/dbdr backup shop', OPS);
  await said(options, {
    channel: OPS,
    ms: BACKUP_MS,
    what: 'the backup',
    words: [/Done/, /Back up|backup/],
  });
  timeline.note('Backed up shop, WAL included');
  await ana.command('/dbdr verify shop', OPS);
  const proof = await said(options, {
    channel: OPS,
    ms: RESTORE_MS,
    what: 'the proof',
    words: [/restorable/, /PASS|FAIL|ERROR/],
  });
  if (!/restorable to/.test(proof.text)) throw new Error(`The proof did not pass:\n${proof.text}`);
  timeline.note('Proved it by a real restore');

  const damage = await runBadMigration(shop);
  timeline.note(`INCIDENT: a migration dropped orders.shipping_address (${damage.at})`);
  await openIncident(options, damage);
  await restoreTable(options, damage);
  const found = await fingerprintAddresses(shop);
  const equal = found.hash === damage.lost.hash && found.addresses === ORDER_COUNT;
  timeline.note(
    equal
      ? `All ${found.addresses.toLocaleString('en-US')} addresses are equal to the lost ones`
      : `${found.addresses} of ${ORDER_COUNT} addresses are back, and they are NOT all equal`,
  );
  await tellStakeholders(options);
  return {
    outcome: equal ? 'all addresses are back' : 'addresses are missing',
    expected: damage.lost,
    found,
  };
}

async function openIncident(options: StoryOptions, damage: Damage): Promise<void> {
  const { workspace, timeline, clock } = options;
  const ana = workspace.as(ANA);
  await ana.command('/dbdr incident', OPS);
  const form = await formOf(options, ANA, /Something is wrong/);
  await submit(options, form, {
    scenario: 'A migration or deploy did damage',
    server: 'shop',
    at: Math.floor(Temporal.Instant.from(damage.before).epochMilliseconds / 1000),
    tables: 'orders',
    note: 'Shipping addresses are gone since the last release',
  });
  await said(options, { channel: OPS, ms: ANSWER_MS, what: 'the incident', words: [/Incident:/] });
  timeline.note(`Ana opened the incident (${formatAfter(clock, damage)} after the damage)`);
}

async function restoreTable(options: StoryOptions, damage: Damage): Promise<void> {
  const { workspace, timeline, shop, clock } = options;
  await workspace.as(ANA).command(`/dbdr restore shop --to ${damage.before} --tables orders`, OPS);
  const plan = await said(options, {
    channel: OPS,
    ms: ANSWER_MS,
    what: 'the plan with its approval',
    words: [/approve_run/],
  });
  timeline.note('Ana asked for orders back; the scratch restore starts, production waits');
  await refusedTo(options, OTTO, plan);
  await refusedTo(options, ANA, plan);
  await done(workspace.as(BEN).click(plan.ts, 'approve_run'));
  timeline.note('APPROVAL: Ben approved what touches production');
  const end = await said(options, {
    channel: OPS,
    ms: RESTORE_MS,
    what: 'the restored table',
    words: [/dbdr_restored_/, /ADD COLUMN/],
  });
  timeline.note(
    `TABLE BACK beside the damaged one (${formatAfter(clock, damage)} after the damage)`,
  );
  await shop.query(joiningSql(end));
  timeline.note('Ran the SQL from the message: the column is joined back');
}

/** A click that must not count: the reason comes back to the clicker alone. */
async function refusedTo(options: StoryOptions, who: string, plan: Message): Promise<void> {
  const { workspace, timeline } = options;
  const before = new Set(workspace.ephemerals(who).map(({ ts }) => ts));
  await done(workspace.as(who).click(plan.ts, 'approve_run'));
  const told = await workspace.waitForEphemeral(who, ({ ts }) => !before.has(ts), {
    signal: limit(options),
    what: 'why the click does not count',
  });
  const name = PEOPLE.find(({ id }) => id === who)?.realName ?? who;
  timeline.note(`${name} clicked Approve and was told: ${told.text.split('\n')[0] ?? ''}`);
}

/** The SQL as a person would copy it: from the code block of the message. */
function joiningSql(message: Message): string {
  const block = /```\n?([^`]*ADD COLUMN[^`]*)```/.exec(JSON.stringify(message.blocks));
  const sql = block?.[1];
  if (sql === undefined) throw new Error('The message shows no SQL that joins the column back');
  return unescapeMrkdwn(String(JSON.parse(`"${sql}"`)));
}

function unescapeMrkdwn(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

async function tellStakeholders(options: StoryOptions): Promise<void> {
  const { workspace, timeline } = options;
  const ana = workspace.as(ANA);
  await ana.command('/dbdr update', OPS);
  const form = await formOf(options, ANA, /Update stakeholders/);
  await submit(options, form, {
    what: 'Shipping addresses were missing on orders; all 50,000 are back',
    impact: 'Shipping labels could not be printed; ordering worked throughout',
    doing: 'The column is restored and was compared value by value',
  });
  await submit(options, await formOf(options, ANA, /This will be posted/), {});
  await said(options, { channel: NEWS, ms: ANSWER_MS, what: 'the update', words: [/addresses/] });
  timeline.note('STAKEHOLDERS TOLD in #stakeholders');
}

async function formOf(options: StoryOptions, who: string, title: RegExp): Promise<View> {
  return options.workspace.waitForView(
    who,
    ({ content }) => title.test(JSON.stringify(content['title'])),
    { signal: limit(options), what: `the form ${title.source}` },
  );
}

async function submit(
  { workspace }: StoryOptions,
  form: View,
  values: Parameters<Hands['submit']>[1],
): Promise<void> {
  await done(workspace.as(form.user).submit(form.id, values));
}

function limit({ signal }: StoryOptions): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
}

/** What a person did must have been taken: a form with errors or a silent bot ends the story. */
async function done(act: ReturnType<Hands['click']>): Promise<void> {
  const outcome = await act;
  if (outcome.outcome !== 'done')
    throw new Error(`The bot did not take it: ${JSON.stringify(outcome)}`);
}

type Hands = ReturnType<Workspace['as']>;

interface Expected {
  readonly channel: string;
  readonly ms: number;
  readonly what: string;
  readonly words: readonly RegExp[];
}

/** Waits for a message that says all of it, in its text or in its blocks. */
async function said(options: StoryOptions, expected: Expected): Promise<Message> {
  const { workspace, signal } = options;
  return workspace.waitForMessage(
    expected.channel,
    ({ text, blocks }) => {
      const whole = `${text}\n${JSON.stringify(blocks)}`;
      return expected.words.every((word) => word.test(whole));
    },
    { signal: AbortSignal.any([signal, AbortSignal.timeout(expected.ms)]), what: expected.what },
  );
}

function formatAfter(clock: Clock, damage: Damage): string {
  const at = Temporal.Instant.from(damage.at);
  return formatSeconds((clock.now().epochMilliseconds - at.epochMilliseconds) / 1000);
}
