/**
 * What a pager is told and what it answers. Whoever pages is behind one verb, so that the outbox knows
 * nothing of anybody's API.
 */
import { z } from 'zod';

import type { OutboxRecord } from '../catalog/records.ts';

/** The label of its run among a page's details. */
export const RUN_ID = 'run id';

/** Plain JSON: it waits in the catalogue until it is taken. No secrets. */
const Page = z.object({
  /** One sentence: what is, and what it should be. */
  summary: z.string(),
  /** What is affected: the server's name. */
  source: z.string(),
  /** Which part of the house noticed: `verification`. */
  component: z.string(),
  /** The finding's code. */
  code: z.string(),
  /** RFC 3339, UTC: since when. */
  since: z.string(),
  /** Label and value: what to do next, which run, backup and store. */
  details: z.record(z.string(), z.string()),
  /** File name in `runbooks/`; null: none. */
  runbook: z.string().nullable(),
  /** It was told before under the same key, was taken, and still stands. */
  again: z.boolean().optional(),
});
export type Page = z.infer<typeof Page>;

/** One that another version wrote and nobody can read is told all the same: somebody must look. */
export function readPage({ page, server, madeAt }: OutboxRecord): Page {
  return (
    Page.safeParse(page).data ?? {
      summary: `Something of ${server === '' ? 'dbdr' : server} needs somebody now, and its words cannot be read`,
      source: server === '' ? 'dbdr' : server,
      component: 'dbdr',
      code: 'UNREADABLE',
      since: madeAt,
      details: { 'what to do next': 'See `npx dbdr status`.' },
      runbook: null,
    }
  );
}

export interface PagerEvent {
  readonly action: 'trigger' | 'resolve';
  /** At most 255 characters; a trigger and its resolve have the same. */
  readonly dedupKey: string;
  readonly page: Page;
  /** Where people see the run that it is about; undefined: nobody knows one. */
  readonly link?: string | undefined;
}

export type PagerAnswer =
  | { readonly outcome: 'accepted'; readonly said: string }
  /** It was not taken, and may be the next time. */
  | { readonly outcome: 'not now'; readonly said: string }
  /** It was not taken, and will not be as long as nobody changes something. */
  | { readonly outcome: 'refused'; readonly said: string };

export interface Pager {
  /** `PagerDuty`. */
  readonly name: string;
  /** Where it is told, without secrets: `events.pagerduty.com`. */
  readonly place: string;
  /** Tries once and has a limit of its own. Repeatable: the same key is one page. Rejects only when aborted. */
  send(event: PagerEvent, options: { readonly signal: AbortSignal }): Promise<PagerAnswer>;
}
