/** The publisher: an update reaches the channel of its readers. */
import { expect, test } from 'vitest';

import { slackPublisher } from '../../../src/slack/publisher.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { recordingChat } from '../../support/recording-chat.ts';

const UPDATE = { title: 'Update 1', parts: [['What', 'x']] as const, signature: 'Ben' };

test.each([
  ['stakeholders', 'C0NEWS'],
  ['ops', 'C0OPS'],
] as const)('publish() puts an update for %s into their channel', async (audience, channel) => {
  const chat = recordingChat();
  const section = { channels: { ops: 'C0OPS', stakeholders: 'C0NEWS' } };
  const publisher = slackPublisher({ chat, section, clock: fakeClock('2026-11-22T14:56:00Z') });

  const posted = await publisher.publish(audience, UPDATE, { signal: AbortSignal.timeout(1000) });

  expect(posted).toMatchObject({ channel, ts: '1.1' });
  expect(posted.postedAt.toString()).toBe('2026-11-22T14:56:00Z');
  expect(chat.said[0]?.message.text).toContain('Update 1');
});
