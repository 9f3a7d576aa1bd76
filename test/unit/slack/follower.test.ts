/** The follower: what Slack hears of runs, how often, and after what outage. */
import { expect, onTestFinished, test } from 'vitest';

import { SlackSection } from '../../../src/config/sections/slack.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import type { IncidentEventView } from '../../../src/slack/deps.ts';
import { slackFollower } from '../../../src/slack/follower.ts';
import { livingMessages } from '../../../src/slack/living.ts';
import { runMessages } from '../../../src/slack/run-messages.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';
import { type RecordingChat, recordingChat } from '../../support/recording-chat.ts';
import { type SlackMemory, slackMemory } from '../../support/slack-memory.ts';
import {
  buttonsOf,
  decidedBy,
  readable,
  runIdOf,
  sampleIncident,
  sampleRun,
  waitingTables,
} from '../../support/slack-samples.ts';

const SECTION = SlackSection.parse({
  channels: { ops: 'C0OPS', stakeholders: 'C0NEWS' },
  people: { operators: ['U0ANA'], approvers: ['U0BEN', 'U0CLEO'] },
});

interface Stage {
  readonly clock: FakeClock;
  readonly chat: RecordingChat;
  readonly memory: SlackMemory;
  readonly incidentEvents: IncidentEventView[];
  /** Incidents shown, and what was told in their threads. */
  readonly shown: string[];
  readonly told: string[];
  /** Starts the follower; aborting it is its end. */
  readonly start: () => AbortController;
}

function openStage(): Stage {
  const clock = fakeClock('2026-11-22T14:57:00Z');
  const [chat, memory] = [recordingChat(), slackMemory()];
  const incidentEvents: IncidentEventView[] = [];
  const [shown, told]: [string[], string[]] = [[], []];
  return {
    incidentEvents,
    shown,
    told,
    clock,
    chat,
    memory,
    start() {
      const living = livingMessages({
        chat,
        messages: memory.catalog.messages,
        opsChannel: SECTION.channels.ops,
      });
      const people = { approvers: async () => Promise.resolve(['U0BEN', 'U0CLEO']) };
      const runs = runMessages({ ...memory, chat, section: SECTION, clock, people }, living);
      const follower = slackFollower({
        ...memory,
        clock,
        log: silentLog,
        runs,
        incidents: {
          eventsAfter: async (seq) =>
            Promise.resolve(incidentEvents.filter((event) => event.seq > seq)),
          listOpen: async () => Promise.resolve([sampleIncident()]),
        },
        incidentBoard: {
          show: async (id) => {
            shown.push(id);
            return Promise.resolve(undefined);
          },
          tell: async ({ text }) => {
            told.push(text);
            return Promise.resolve();
          },
        },
      });
      const stop = new AbortController();
      const running = follower.run({ signal: stop.signal, ready: () => undefined });
      onTestFinished(async () => {
        stop.abort();
        await running;
      });
      return stop;
    },
  };
}

function edits(chat: RecordingChat): number {
  return chat.said.filter(({ kind }) => kind === 'update').length;
}

test('a run gets one message in the channel it was asked in, and its plan in the thread', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ state: 'approved', audience: 'slack:C0DEV' }), 'asked');

  start();
  await clock.advance(0);

  expect(chat.standing()).toHaveLength(1);
  expect(chat.standing()[0]?.place.channel).toBe('C0DEV');
  expect(chat.inThread().map(({ message }) => message.text)).toEqual([
    expect.stringContaining('npx dbdr restore shop --to'),
  ]);
});

test('while a run proceeds its message is edited at most every three seconds', async () => {
  const { clock, chat, memory, start } = openStage();
  start();
  memory.happen(sampleRun(), 'started');
  await clock.advance(0);

  for (let second = 0; second < 12; second += 1) {
    memory.happen(sampleRun(), 'progress', { title: 'Replay', doneBytes: second, totalBytes: 12 });
    await clock.advance(1000);
  }

  expect(edits(chat)).toBeGreaterThanOrEqual(3);
  expect(edits(chat)).toBeLessThanOrEqual(4);
});

test('the last state is always shown, and an end does not wait', async () => {
  const { clock, chat, memory, start } = openStage();
  start();
  memory.happen(sampleRun(), 'started');
  await clock.advance(0);

  memory.happen(sampleRun({ state: 'done', endedAt: '2026-11-22T14:57:00Z' }), 'done');
  await clock.advance(0);

  expect(chat.standing()[0]?.message.text).toContain('Done');
});

test('a follow-up speaks in the message of its parent, with its buttons', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ state: 'approved' }), 'asked');
  memory.happen(waitingTables().run, 'asked');

  start();
  await clock.advance(0);

  expect(chat.standing()).toHaveLength(1);
  expect(buttonsOf(chat.standing()[0]?.message ?? { blocks: [] })).toContain('approve_run');
});

test('an approval of the follow-up edits that message and is told in its thread', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ state: 'done' }), 'asked');
  memory.happen(waitingTables().run, 'asked');
  start();
  await clock.advance(0);
  const decider = decidedBy('ben', 'approve', '2026-11-22T14:52:10.000000Z');

  memory.happen(waitingTables({ state: 'approved', deciders: [decider] }).run, 'approved');
  await clock.advance(0);

  const [standing] = chat.standing();
  expect(chat.standing()).toHaveLength(1);
  expect(buttonsOf(standing?.message ?? { blocks: [] })).not.toContain('approve_run');
  const threads = chat.inThread().map(({ message }) => readable(message));
  expect(threads.at(-1)).toContain('*Approved* by <@U0BEN>');
});

test('after an outage of Slack it catches up with one edit, and nothing is lost', async () => {
  const { clock, chat, memory, start } = openStage();
  start();
  memory.happen(sampleRun(), 'started');
  await clock.advance(0);
  const before = memory.cursors.get('slack:follower');

  chat.isDown = true;
  memory.happen(sampleRun(), 'step began', { title: 'Replay' });
  memory.happen(sampleRun({ state: 'done', endedAt: '2026-11-22T14:57:00Z' }), 'done');
  await clock.advance(20_000);
  expect(memory.cursors.get('slack:follower')).toBe(before);
  chat.isDown = false;
  await clock.advance(6000);

  expect(edits(chat)).toBe(1);
  expect(chat.standing()[0]?.message.text).toContain('Done');
  expect(memory.cursors.get('slack:follower')).toBe(3);
});

test('a follower that is started again goes on with the same message and repeats no thread', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ state: 'approved' }), 'asked');
  const first = start();
  await clock.advance(0);
  first.abort();
  // As if it had died between telling Slack and moving its cursor.
  memory.cursors.set('slack:follower', 0);
  memory.happen(sampleRun({ state: 'done', endedAt: '2026-11-22T14:57:00Z' }), 'done');

  start();
  await clock.advance(0);

  expect(chat.standing()).toHaveLength(1);
  expect(chat.inThread().filter(({ message }) => message.text.startsWith('The plan'))).toHaveLength(
    1,
  );
});

test('a message that can no longer be edited gets a successor', async () => {
  const { clock, chat, memory, start } = openStage();
  start();
  memory.happen(sampleRun(), 'started');
  await clock.advance(0);
  chat.gone.add('1.1');

  memory.happen(sampleRun({ state: 'done', endedAt: '2026-11-22T14:57:00Z' }), 'done');
  await clock.advance(0);

  expect(chat.standing().at(-1)?.message.text).toContain('Done');
  expect(memory.messages.get(`run:${runIdOf(1)}`)?.ts).not.toBe('1.1');
});

test('where the channel is closed to the app, the operations channel hears of it', async () => {
  const { clock, chat, memory, start } = openStage();
  chat.closed.add('D0PRIVATE');
  memory.happen(sampleRun({ audience: 'slack:D0PRIVATE' }), 'started');

  start();
  await clock.advance(0);

  expect(chat.standing()[0]?.place.channel).toBe('C0OPS');
});

test('what harms nobody and was asked at a terminal stays out of Slack; what needs approval does not', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ audience: null }), 'started');
  memory.happen(
    sampleRun({ runId: runIdOf(5), audience: null, danger: 'high', state: 'waiting' }),
    'asked',
  );

  start();
  await clock.advance(0);

  expect(chat.standing()).toHaveLength(1);
  expect(buttonsOf(chat.standing()[0]?.message ?? { blocks: [] })).toContain('approve_run');
});

test('what ended days ago and was never spoken of is history, not news', async () => {
  const { clock, chat, memory, start } = openStage();
  memory.happen(sampleRun({ state: 'done', endedAt: '2026-11-19T00:00:00Z' }), 'done');

  start();
  await clock.advance(0);

  expect(chat.said).toEqual([]);
  expect(memory.cursors.get('slack:follower')).toBe(1);
});

test('an incident is shown when something happens to it, and its age is said anew each minute', async () => {
  const { clock, incidentEvents, memory, shown, told, start } = openStage();
  const text = 'ana opened the incident';
  incidentEvents.push({ seq: 4, incidentId: 'inc-1122-shop', at: '2026-11-22T14:57:00Z', text });

  start();
  await clock.advance(0);

  expect(shown).toEqual(['inc-1122-shop']);
  expect(told).toEqual([text]);
  expect(memory.cursors.get('slack:follower:incidents')).toBe(4);
  await clock.advance(60_000);
  expect(shown).toHaveLength(2);
});
