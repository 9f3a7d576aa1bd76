/**
 * The approving part of a run's message: what would be done to which server, who may let it happen,
 * until when, and the two buttons while it waits. Once decided: who, when, and no buttons. Pure.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import { formatUtc } from '../../kernel/moment.ts';
import {
  type Decider,
  type RunView,
  readAsker,
  readDeciders,
  type Surroundings,
} from '../run-view.ts';
import {
  actions,
  clip,
  context,
  escapeText,
  type Facts,
  factBlocks,
  section,
  warningBlocks,
} from './blocks.ts';
import { sayPeople, sayWho } from './people.ts';
import { readersOwn, readInstant, sayTime } from './when.ts';

export const APPROVE = 'approve_run';
export const REFUSE = 'refuse_run';

const TITLE_MAX = 300;

/** Long enough to tell two plans apart by eye; the button carries the whole hash. */
const HASH_SHOWN = 8;

/** `parent`: the run that it comes after; it knows the target. */
export function approvalBlocks(
  view: RunView,
  around: Surroundings,
  parent?: RunView,
): readonly KnownBlock[] {
  const { run, explanation } = view;
  const asker = readAsker(run);
  const waits = run.state === 'waiting';
  const what = escapeText(clip(explanation.title, TITLE_MAX));
  return [
    section(
      waits ? `*Needs approval*\n${sayWho(asker)} asks to *${lowerFirst(what)}*.` : `*${what}*`,
    ),
    ...factBlocks(planFacts(view, parent)),
    ...warningBlocks(explanation.warnings),
    context(decisionLine(view, around)),
    ...(waits ? approveButtons(view) : []),
  ];
}

/** A stored plan's "6 minutes ago" was true when it was asked, and the message may be read much later. */
export function whenAsked(facts: Facts): Facts {
  return facts.map(([label, value]) => [
    label,
    label === 'Target' ? value.replace(/(ago|just now)\)$/, '$1 when it was asked)') : value,
  ]);
}

const Tables = z.looseObject({
  tables: z.array(z.union([z.string(), z.looseObject({ table: z.string() })])).min(1),
});

/** Names server, tables and target even where the plan's own facts do not. */
function planFacts(view: RunView, parent: RunView | undefined): Facts {
  const { facts } = view.explanation;
  const known = new Set(facts.map(([label]) => label));
  const tables = Tables.safeParse(view.run.plan);
  const names = tables.success
    ? tables.data.tables.map((each) => (typeof each === 'string' ? each : each.table))
    : [];
  const more: Facts = [
    ...(view.run.server === null ? [] : [['Server', view.run.server] as const]),
    ...(names.length === 0 ? [] : [['Tables', names.join(', ')] as const]),
    ...(parent?.explanation.facts.filter(([label]) => label === 'Target') ?? []),
  ];
  return whenAsked([...more.filter(([label]) => !known.has(label)), ...facts]);
}

function approveButtons(view: RunView): readonly KnownBlock[] {
  const { run, explanation } = view;
  const value = `${run.runId} ${run.planHash}`;
  const server = run.server === null ? '' : ` on ${run.server}`;
  return actions([
    {
      actionId: APPROVE,
      text: explanation.approveLabel,
      label: `${explanation.approveLabel}, plan ${shortHash(run.planHash)}`,
      value,
      style: 'primary',
      confirm: {
        title: explanation.approveLabel,
        text: `${explanation.title}. This has an effect on production${server}. Plan ${shortHash(run.planHash)}.`,
        yes: 'Approve',
      },
    },
    { actionId: REFUSE, text: 'Refuse', label: `Refuse: ${explanation.title}`, value },
  ]);
}

/** `Needs 1 of @ben or @cleo (not @ana) · expires 15:27:00 UTC · plan 7f3a91c2`. */
export function decisionLine(view: RunView, around: Surroundings): string {
  const { run } = view;
  const deciders = readDeciders(run);
  const approvals = deciders.filter((decider) => decider.decision.startsWith('approve'));
  if (run.state !== 'waiting') return decidedLine(view, deciders);
  return [
    whoMayDecide(view, around),
    ...(approvals.length === 0
      ? []
      : [`${approvals.length} of ${around.needed} have: ${approvals.map(sayDecider).join(', ')}`]),
    ...expiry(run.expiresAt),
    `plan \`${shortHash(run.planHash)}\``,
  ].join(' · ');
}

function whoMayDecide(view: RunView, around: Surroundings): string {
  const asker = readAsker(view.run);
  const others = around.selfAllowed
    ? around.approvers
    : around.approvers.filter((id) => id !== asker.id);
  const excluded = around.selfAllowed || asker.kind === 'schedule' ? '' : ` (not ${sayWho(asker)})`;
  return others.length === 0
    ? `Needs ${around.needed} of the approvers${excluded}`
    : `Needs ${around.needed} of ${sayPeople(others)}${excluded}`;
}

function decidedLine(view: RunView, deciders: readonly Decider[]): string {
  const { run } = view;
  const said = deciders.map((decider) => `${decisionWord(decider)} by ${sayDecider(decider)}`);
  const plan = `plan \`${shortHash(run.planHash)}\``;
  if (run.state === 'expired') return [...said, `Expired undecided · ${plan}`].join(' · ');
  return [...said, ...(said.length === 0 ? [`State: ${run.state}`] : []), plan].join(' · ');
}

function decisionWord(decider: Decider): string {
  const words: Readonly<Record<string, string>> = {
    approve: 'Approved',
    approved: 'Approved',
    refuse: 'Refused',
    refused: 'Refused',
    withdraw: 'Withdrawn',
    withdrawn: 'Withdrawn',
    cancel: 'Cancelled',
  };
  return words[decider.decision] ?? 'Decided';
}

/** `@ben at 14:57:40 UTC (reason)`. */
export function sayDecider(decider: Decider): string {
  const at = readInstant(decider.at);
  const reason =
    decider.reason === undefined || decider.reason === null
      ? ''
      : ` (${escapeText(clip(decider.reason, TITLE_MAX))})`;
  return `${sayWho(decider.actor)}${at === undefined ? '' : ` at ${sayTime(at)}`}${reason}`;
}

function expiry(expiresAt: string | null): readonly string[] {
  const at = readInstant(expiresAt);
  if (at === undefined) return [];
  return [`expires ${formatUtc(at.round({ smallestUnit: 'second' }))}, ${readersOwn(at)} for you`];
}

export function shortHash(hash: string): string {
  return hash.slice(0, HASH_SHOWN);
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}
