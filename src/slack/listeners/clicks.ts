/** What a click brings, read from Slack's payload with a schema of our own: who, where, which value. */

import type { RespondFn } from '@slack/bolt';
import { z } from 'zod';

import { isRunId, type RunId } from '../../kernel/ids.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Heard } from '../desk.ts';
import { SLACK_WORDS_WRONG } from '../problems.ts';

const Click = z.looseObject({
  user: z.looseObject({ id: z.string() }),
  channel: z.looseObject({ id: z.string() }).nullish(),
  container: z
    .looseObject({ channel_id: z.string().nullish(), is_ephemeral: z.boolean().nullish() })
    .nullish(),
  message: z.looseObject({ ts: z.string(), thread_ts: z.string().nullish() }).nullish(),
  trigger_id: z.string().default(''),
  actions: z.array(z.looseObject({ value: z.string().nullish() })).min(1),
});

export interface Clicked {
  readonly heard: Heard;
  readonly value: string;
  readonly triggerId: string;
  readonly channel: string;
  /** Only this person sees the message. */
  readonly isEphemeral: boolean;
}

export function readClick(body: unknown, respond: RespondFn): Clicked {
  const click = Click.parse(body);
  const channel = click.channel?.id ?? click.container?.channel_id ?? '';
  return {
    heard: {
      userId: click.user.id,
      channel,
      threadTs: click.message?.thread_ts ?? undefined,
      respond,
    },
    value: click.actions[0]?.value ?? '',
    triggerId: click.trigger_id,
    channel,
    isEphemeral: click.container?.is_ephemeral === true,
  };
}

/** @throws Problem SLACK_WORDS_WRONG */
export function readRunId(value: string): RunId {
  if (isRunId(value)) return value;
  throw new Problem(SLACK_WORDS_WRONG, 'Cannot read this button: it names no run', {
    hint: 'Ask again with `/dbdr`; this message is of another version.',
  });
}
