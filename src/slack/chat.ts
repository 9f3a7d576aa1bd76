/**
 * The Web API methods that we use, each once. Promises: what Slack would refuse for its size is sent
 * as plain text instead of not at all; a message that can no longer be edited is an outcome, not an
 * error; every call ends within its time. Refuses to say anything about tokens in its errors.
 */
import { type ModalView } from '@slack/types';
import { WebAPIPlatformError, WebClient } from '@slack/web-api';

import type { SlackSection } from '../config/sections/slack.ts';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { boltLogger } from './bolt-logger.ts';
import { lintMessage } from './limits.ts';
import type { Message } from './messages/blocks.ts';
import { SLACK_CHANNEL_CLOSED, SLACK_REFUSED, SLACK_UNREACHABLE } from './problems.ts';

/** A call that takes longer is as good as lost. */
const CALL_LIMIT_MS = 10_000;
const RETRIES_MAX = 2;

/** Slack docs, chat.update: the message is gone or closed to edits; a new one must take its place. */
const GONE = new Set([
  'message_not_found',
  'edit_window_closed',
  'cant_update_message',
  'block_mismatch',
  'channel_not_found',
]);
/** Where the app is not let in. */
const CLOSED = new Set([
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'restricted_action',
  'no_permission',
]);

export interface Place {
  readonly channel: string;
  readonly threadTs?: string;
}

export interface Posted {
  readonly channel: string;
  readonly ts: string;
}

/** A person as Slack knows them. */
export interface SlackUser {
  readonly id: string;
  readonly teamId: string;
  readonly name: string;
  readonly zone: string;
  /** A full member: no guest, no bot, not deactivated, of this workspace. */
  readonly isFullMember: boolean;
}

export interface Chat {
  /** @throws Problem SLACK_CHANNEL_CLOSED · SLACK_REFUSED · SLACK_UNREACHABLE */
  post(place: Place, message: Message): Promise<Posted>;
  /** `gone`: it cannot be edited any more. */
  update(posted: Posted, message: Message): Promise<'updated' | 'gone'>;
  /** Only `userId` sees it. */
  whisper(place: Place, userId: string, message: Message): Promise<void>;
  openView(triggerId: string, view: ModalView): Promise<void>;
  user(userId: string): Promise<SlackUser>;
  /** Undefined: this workspace has no user groups (they need a paid plan). */
  groupMembers(groupId: string): Promise<readonly string[] | undefined>;
  /** The bot's own workspace. */
  teamId(): Promise<string>;
  /** Where people see a message; undefined: Slack does not say where this workspace is. */
  permalink(posted: Posted): Promise<string | undefined>;
}

export interface ChatOptions {
  readonly section: Pick<SlackSection, 'api_url' | 'bot_token'>;
  readonly log: Log;
}

function webClient({ section, log }: ChatOptions): WebClient {
  return new WebClient(section.bot_token, {
    ...(section.api_url === undefined ? {} : { slackApiUrl: withSlash(section.api_url) }),
    timeout: CALL_LIMIT_MS,
    retryConfig: { retries: RETRIES_MAX, minTimeout: 500, maxTimeout: 3000 },
    // A 429 is waited out as long as Slack says (Retry-After); the follower has time.
    rejectRateLimitedCalls: false,
    logger: boltLogger(log),
  });
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

export function slackChat(options: ChatOptions): Chat {
  const client = webClient(options);
  const { log } = options;
  return {
    async post(place, message) {
      const safe = withinLimits(message, log);
      const words = {
        channel: place.channel,
        text: safe.text,
        blocks: [...safe.blocks],
        unfurl_links: false,
        ...(place.threadTs === undefined ? {} : { thread_ts: place.threadTs }),
      };
      const answer = await calling('post a message', async () =>
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Slack's, no window's
        client.chat.postMessage(words),
      );
      return { channel: answer.channel ?? place.channel, ts: answer.ts ?? '' };
    },

    async update(posted, message) {
      const safe = withinLimits(message, log);
      const change = { ...posted, text: safe.text, blocks: [...safe.blocks] };
      return unlessGone(async () => client.chat.update(change));
    },

    async whisper(place, userId, message) {
      await calling('answer you', async () =>
        client.chat.postEphemeral({
          channel: place.channel,
          user: userId,
          text: message.text,
          blocks: [...withinLimits(message, log).blocks],
          ...(place.threadTs === undefined ? {} : { thread_ts: place.threadTs }),
        }),
      );
    },

    async openView(triggerId, view) {
      await calling('open the form', async () =>
        client.views.open({ trigger_id: triggerId, view }),
      );
    },

    ...lookups(client),
  };
}

/** What auth.test answers, as far as we read it. */
interface Home {
  readonly team_id?: string;
  readonly url?: string;
}

function lookups(client: WebClient): Pick<Chat, 'user' | 'groupMembers' | 'teamId' | 'permalink'> {
  let known: Home | undefined;
  async function home(): Promise<Home> {
    known ??= await calling('sign in', async () => client.auth.test());
    return known;
  }
  return {
    async user(userId) {
      const { user } = await calling('look a person up', async () =>
        client.users.info({ user: userId }),
      );
      return readUser(userId, user ?? {});
    },

    async groupMembers(groupId) {
      try {
        const answer = await client.usergroups.users.list({ usergroup: groupId });
        return answer.users ?? [];
      } catch (error) {
        if (platformCode(error) === 'plan_upgrade_required') return undefined;
        throw asProblem('read a user group', error);
      }
    },

    teamId: async () => (await home()).team_id ?? '',

    // What chat.getPermalink answers, without a call for each message.
    async permalink({ channel, ts }) {
      const { url } = await home();
      if (url === undefined) return undefined;
      return `${withSlash(url)}archives/${channel}/p${ts.replace('.', '')}`;
    },
  };
}

/** What users.info answers about somebody, as far as we read it. */
interface UserAnswer {
  readonly team_id?: string;
  readonly name?: string;
  readonly tz?: string;
  readonly deleted?: boolean;
  readonly is_restricted?: boolean;
  readonly is_ultra_restricted?: boolean;
  readonly is_stranger?: boolean;
  readonly is_bot?: boolean;
  readonly profile?: { readonly display_name?: string };
}

function readUser(id: string, user: UserAnswer): SlackUser {
  const against = [
    user.deleted,
    user.is_restricted,
    user.is_ultra_restricted,
    user.is_stranger,
    user.is_bot,
  ];
  return {
    id,
    teamId: user.team_id ?? '',
    name: [user.profile?.display_name, user.name, id].find((name) => name) ?? id,
    zone: user.tz || 'UTC',
    isFullMember: !against.includes(true),
  };
}

async function unlessGone(update: () => Promise<unknown>): Promise<'updated' | 'gone'> {
  try {
    await update();
    return 'updated';
  } catch (error) {
    if (GONE.has(platformCode(error) ?? '')) return 'gone';
    throw asProblem('edit a message', error);
  }
}

async function calling<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asProblem(what, error);
  }
}

function platformCode(error: unknown): string | undefined {
  return error instanceof WebAPIPlatformError ? error.data.error : undefined;
}

function asProblem(what: string, error: unknown): Problem {
  const code = platformCode(error);
  if (code === undefined)
    return new Problem(SLACK_UNREACHABLE, `Cannot ${what}: Slack does not answer`, {
      cause: error,
    });
  if (CLOSED.has(code))
    return new Problem(SLACK_CHANNEL_CLOSED, `Cannot ${what}: the channel answers "${code}"`, {
      facts: { code },
      cause: error,
    });
  return new Problem(SLACK_REFUSED, `Cannot ${what}: Slack answers "${code}"`, {
    facts: { code },
    cause: error,
  });
}

/** Better plain than not at all. */
function withinLimits(message: Message, log: Log): Message {
  const wrong = lintMessage(message);
  if (wrong.length === 0) return message;
  log.warn('A message is over the limits of Slack and is sent as plain text', { wrong });
  return { text: message.text, blocks: [] };
}
