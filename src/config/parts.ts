/**
 * What can still be read of a config that has errors, so that what only several sections together show
 * is told in the same breath. What is wrong is left out here: the schema has told it. Pure.
 */
import { resolve } from 'node:path';
import { z } from 'zod';

import { SlackSection } from './sections/slack.ts';

const Words = z.array(z.string().optional().catch(undefined));

const Server = z.object({
  url: z.string().startsWith('postgres').optional().catch(undefined),
  stores: Words.catch([]),
});

const word = z.string().min(1).optional().catch(undefined);
const Store = z.object({
  kind: word,
  path: word,
  bucket: word,
  prefix: word,
  region: word,
  endpoint: word,
});

const Slack = z.object({
  people: z
    .object({ approvers: Words.optional().catch(undefined) })
    .catch({ approvers: undefined }),
  approvals: z
    .object({
      high: z.number().optional().catch(undefined).prefault(1),
      self: z.boolean().catch(false).default(false),
    })
    .prefault({})
    .catch({ high: undefined, self: false }),
});

const Prices = z.object({
  per_gb_month: z.record(z.string(), z.unknown()).catch({}),
  per_1000_requests: z.record(z.string(), z.unknown()).optional().catch({}),
});

/** A whole config is one too. */
const ConfigParts = z.object({
  servers: z.record(z.string(), Server.catch({ stores: [] })).catch({}),
  /** Undefined: not even the names can be read, so nothing can be said about who names them. */
  stores: z.record(z.string(), Store.partial().catch({})).optional().catch(undefined),
  prices: Prices.optional().catch(undefined),
  slack: Slack.optional().catch(undefined),
});
export type ConfigParts = z.infer<typeof ConfigParts>;

/** Paths of stores come out absolute, from `folder`. */
export function readParts(data: unknown, folder: string): ConfigParts {
  const { stores, ...rest } = ConfigParts.catch({ servers: {} }).parse(data);
  if (stores === undefined) return rest;
  const absolute = Object.entries(stores).map(
    ([name, { path, ...store }]) =>
      [name, { ...store, path: path === undefined ? undefined : resolve(folder, path) }] as const,
  );
  return { ...rest, stores: Object.fromEntries(absolute) };
}

const Tokens = z.object({
  bot_token: SlackSection.shape.bot_token,
  signing_secret: SlackSection.shape.signing_secret,
});
const WithTokens = z.object({ slack: Tokens });

/** The texts that stand in a config although nobody wrote them: they may name secrets. */
export function unwrittenTexts(data: unknown): unknown {
  return WithTokens.safeParse(data).data ?? {};
}
