/** A chat that remembers what was said and edited, and can be told to fail. */
import { Problem } from '../../src/kernel/problem.ts';
import type { Chat, Place, Posted } from '../../src/slack/chat.ts';
import type { Message } from '../../src/slack/messages/blocks.ts';
import { SLACK_CHANNEL_CLOSED, SLACK_UNREACHABLE } from '../../src/slack/problems.ts';

export interface Said {
  readonly kind: 'post' | 'update' | 'whisper';
  readonly place: Place;
  readonly ts: string;
  readonly message: Message;
}

export interface RecordingChat extends Chat {
  readonly said: Said[];
  /** While true nothing arrives. */
  isDown: boolean;
  /** Messages that can no longer be edited. */
  readonly gone: Set<string>;
  /** Channels the app is not let into. */
  readonly closed: Set<string>;
  /** Top-level messages as they stand now, by channel and ts. */
  standing(): readonly Said[];
  inThread(): readonly Said[];
}

export function recordingChat(): RecordingChat {
  const said: Said[] = [];
  let count = 0;
  const chat: RecordingChat = {
    said,
    isDown: false,
    gone: new Set(),
    closed: new Set(),

    standing() {
      const newest = new Map<string, Said>();
      for (const each of said)
        if (each.kind !== 'whisper' && each.place.threadTs === undefined) newest.set(each.ts, each);
      return [...newest.values()];
    },

    inThread: () => said.filter(({ place }) => place.threadTs !== undefined),

    async post(place, message) {
      await mustWork();
      if (chat.closed.has(place.channel))
        throw new Problem(
          SLACK_CHANNEL_CLOSED,
          'Cannot post: the channel answers "not_in_channel"',
        );
      count += 1;
      const ts = `1.${String(count)}`;
      said.push({ kind: 'post', place, ts, message });
      return { channel: place.channel, ts };
    },

    async update(posted: Posted, message) {
      await mustWork();
      if (chat.gone.has(posted.ts)) return 'gone';
      said.push({ kind: 'update', place: { channel: posted.channel }, ts: posted.ts, message });
      return 'updated';
    },

    async whisper(place, _userId, message) {
      await mustWork();
      said.push({ kind: 'whisper', place, ts: '', message });
    },

    openView: async () => mustWork(),
    user: async (id) =>
      Promise.resolve({ id, teamId: 'T0HOME', name: id, zone: 'UTC', isFullMember: true }),
    groupMembers: async () => Promise.resolve([]),
    teamId: async () => Promise.resolve('T0HOME'),
    permalink: async () => Promise.resolve(undefined),
  };

  async function mustWork(): Promise<void> {
    await Promise.resolve();
    if (chat.isDown) throw new Problem(SLACK_UNREACHABLE, 'Cannot post: Slack does not answer');
  }

  return chat;
}
