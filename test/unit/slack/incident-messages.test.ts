/** An incident in Slack: one living message, and what happened in its thread. */
import { expect, test } from 'vitest';

import { SlackSection } from '../../../src/config/sections/slack.ts';
import { incidentMessages } from '../../../src/slack/incident-messages.ts';
import { livingMessages } from '../../../src/slack/living.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { recordingChat } from '../../support/recording-chat.ts';
import { slackMemory } from '../../support/slack-memory.ts';
import { readable, sampleIncident } from '../../support/slack-samples.ts';

const section = SlackSection.parse({
  channels: { ops: 'C0OPS', stakeholders: 'C0NEWS' },
  people: { operators: ['U0ANA'], approvers: ['U0BEN'] },
});

test('tell() shows in the thread what a step that only looks has seen, once', async () => {
  const chat = recordingChat();
  const { messages } = slackMemory().catalog;
  const living = livingMessages({ chat, messages, opsChannel: 'C0OPS' });
  const incidents = { view: async () => Promise.resolve(sampleIncident()) };
  const clock = fakeClock('2026-11-22T14:57:00Z');
  const board = incidentMessages({ incidents, section, clock }, living);
  const server = { server: 'shop', recoverableTo: '2026-11-22T14:56:58Z' };
  const event = {
    seq: 7,
    incidentId: 'inc-1122-shop',
    at: '2026-11-22T14:57:00Z',
    text: 'ana did "See how far back you can go"',
    data: { result: { servers: [server] } },
  };

  await board.show('inc-1122-shop');
  await board.tell(event);
  await board.tell(event);

  expect(chat.standing()).toHaveLength(1);
  expect(chat.inThread()).toHaveLength(1);
  const said = readable(chat.inThread()[0]?.message ?? { blocks: [] });
  expect(said).toContain('14:57:00 UTC · ana did "See how far back you can go"');
  expect(said).toContain('shop is restorable to 2026-11-22 14:56:58 UTC');
});
