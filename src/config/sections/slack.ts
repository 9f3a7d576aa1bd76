/** Config section `slack`: the app, its channels and its people. */
import { z } from 'zod';

import { durationText } from '../values.ts';

const PeopleSection = z.strictObject({
  /** User groups (`S…`) or user ids (`U…`) that may ask. */
  operators: z
    .array(z.string().regex(/^[SUW][A-Z0-9]+$/, 'must be Slack user or user group ids'))
    .min(1),
  approvers: z
    .array(z.string().regex(/^[SUW][A-Z0-9]+$/, 'must be Slack user or user group ids'))
    .min(1),
});

const ApprovalsSection = z.strictObject({
  /** How many people must approve a high-danger run. */
  high: z.number().int().min(1).max(5).default(1),
  expires: durationText.default('PT30M'),
  /** May the asker approve their own request? */
  self: z.boolean().default(false),
});

export const SlackSection = z.strictObject({
  mode: z.enum(['http']).default('http'),
  port: z.number().int().min(0).max(65_535).default(3001),
  /** For a Slack-compatible server; default: Slack itself. */
  api_url: z.url().optional(),
  channels: z.strictObject({
    ops: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id such as C0OPS'),
    stakeholders: z.string().regex(/^[CG][A-Z0-9]+$/, 'must be a channel id such as C0NEWS'),
  }),
  people: PeopleSection,
  approvals: ApprovalsSection.prefault({}),
  /** Secrets: from SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET. */
  bot_token: z.string().min(1).default('${SLACK_BOT_TOKEN}'),
  signing_secret: z.string().min(1).default('${SLACK_SIGNING_SECRET}'),
});
export type SlackSection = z.infer<typeof SlackSection>;
