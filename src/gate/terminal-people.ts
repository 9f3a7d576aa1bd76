/**
 * People of every kind behind one door. Whoever can run the program at a terminal can read its key
 * and its config, so the terminal may do everything; the schedule may ask for what harms nobody; what
 * a Slack user may do is for the Slack room to say.
 */
import type { Actor, People, Role } from './people.ts';

const OF_TERMINAL: readonly Role[] = ['viewer', 'operator', 'approver'];
const OF_SCHEDULE: readonly Role[] = ['viewer', 'operator'];

/** Without Slack nobody there has a role, and nobody there can approve. */
export function composedPeople(slackPeople?: People): People {
  return {
    async rolesOf(actor: Actor, options) {
      if (actor.kind === 'terminal') return OF_TERMINAL;
      if (actor.kind === 'schedule') return OF_SCHEDULE;
      return (await slackPeople?.rolesOf(actor, options)) ?? [];
    },
    async approvers(options) {
      return (await slackPeople?.approvers(options)) ?? [];
    },
  };
}
