/**
 * Who asks in Slack and what they may: roles from config alone, matched on Slack user ids. User
 * groups are expanded and remembered for a minute at most. Guests, bots, deactivated people and people
 * of other workspaces have no role. Where Slack cannot be asked, nobody gets a role by accident.
 */
import type { SlackSection } from '../config/sections/slack.ts';
import type { Actor, People, Role } from '../gate/people.ts';
import type { Clock } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Chat, SlackUser } from './chat.ts';
import { SLACK_PERSON_UNKNOWN } from './problems.ts';

/** Slack allows about twenty of these calls a minute; a removed approver is out within one. */
const REMEMBERED_MS = 60_000;
const FAILED_MS = 5000;

export interface SlackPeople extends People {
  /** The person as an actor, with name and zone as of now. @throws Problem SLACK_PERSON_UNKNOWN */
  actorOf(userId: string): Promise<Actor>;
}

export interface SlackPeopleOptions {
  readonly chat: Pick<Chat, 'user' | 'groupMembers' | 'teamId'>;
  readonly section: Pick<SlackSection, 'people'>;
  readonly clock: Clock;
}

export function slackPeople({ chat, section, clock }: SlackPeopleOptions): SlackPeople {
  const users = remembering(clock, async (id: string) => chat.user(id));
  const groups = remembering(clock, async (id: string) => chat.groupMembers(id));

  return {
    async actorOf(userId) {
      const user = await known(async () => users(userId));
      return { kind: 'slack', id: user.id, name: user.name, zone: user.zone };
    },

    async rolesOf(actor) {
      if (actor.kind !== 'slack') return [];
      const user = await known(async () => users(actor.id));
      const team = await known(async () => chat.teamId());
      if (!isOurs(user, team)) return [];
      const roles: Role[] = ['viewer'];
      const { operators, approvers } = section.people;
      const mayApprove = await belongs(actor.id, approvers, groups);
      if (mayApprove || (await belongs(actor.id, operators, groups))) roles.push('operator');
      if (mayApprove) roles.push('approver');
      return roles;
    },

    async approvers() {
      const looked = await Promise.allSettled(
        section.people.approvers.map(async (id) => expand(id, groups)),
      );
      const ids = looked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
      // Nobody known because Slack is silent is not the same as nobody.
      const failed = looked.find((each) => each.status === 'rejected');
      if (ids.length === 0 && failed !== undefined) throw unknown(failed.reason);
      return [...new Set(ids)];
    },
  };
}

function isOurs(user: SlackUser, team: string): boolean {
  return user.isFullMember && user.teamId === team;
}

type Groups = (id: string) => Promise<readonly string[] | undefined>;

/** Names of people come first: they hold even where groups cannot be read. */
async function belongs(userId: string, ids: readonly string[], groups: Groups): Promise<boolean> {
  if (ids.includes(userId)) return true;
  for (const id of ids.filter(isGroup)) {
    const members = await known(async () => expand(id, groups));
    if (members.includes(userId)) return true;
  }
  return false;
}

/** A workspace without user groups has only the people that config names. */
async function expand(id: string, groups: Groups): Promise<readonly string[]> {
  return isGroup(id) ? ((await groups(id)) ?? []) : [id];
}

function isGroup(id: string): boolean {
  return id.startsWith('S');
}

/** Not knowing is not a yes. */
async function known<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    throw unknown(cause);
  }
}

function unknown(cause: unknown): Problem {
  return new Problem(
    SLACK_PERSON_UNKNOWN,
    'Cannot tell what you may do: Slack does not say who you are',
    { cause },
  );
}

/** What failed is not asked for again at once: each look costs one of few calls a minute. */
function remembering<T>(
  clock: Clock,
  look: (id: string) => Promise<T>,
): (id: string) => Promise<T> {
  const kept = new Map<string, { readonly untilMs: number; readonly value: Promise<T> }>();
  return async (id) => {
    const before = kept.get(id);
    if (before !== undefined && clock.elapsedMs() < before.untilMs) return before.value;
    const beganMs = clock.elapsedMs();
    const value = look(id);
    kept.set(id, { untilMs: beganMs + REMEMBERED_MS, value });
    value.catch(() => kept.set(id, { untilMs: clock.elapsedMs() + FAILED_MS, value }));
    return value;
  };
}
