/** What is asked of `incident`, with every word resolved. Pure. */
import { z } from 'zod';

import { readMoment } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import { momentText } from './describe.ts';
import { INCIDENT_WORDS } from './problems.ts';
import { requirePast, requireServer, requireTables } from './requests.ts';
import { readScenario } from './scenarios.ts';

const ACTIONS = [
  'open',
  'list',
  'show',
  'note',
  'do',
  'tick',
  'skip',
  'hand-over',
  'close',
] as const;
export type Action = (typeof ACTIONS)[number];

export const IncidentInput = z.strictObject({
  action: z.enum(ACTIONS).describe('What to do'),
  subject: z.string().optional().describe('A server to open one for, else the id of an incident'),
  what: z.string().optional().describe('What happened: gone, bad change, or damaged backup'),
  when: z.string().optional().describe('The last moment when all was well'),
  tables: z.array(z.string()).optional().describe('The damaged tables'),
  step: z.string().optional().describe('Number of the step to do, tick or skip'),
  to: z.string().max(100).optional().describe('Who leads from now on; default: whoever asks'),
  note: z.string().max(500).optional().describe('Anything else people should know'),
});
export type IncidentInput = z.infer<typeof IncidentInput>;

export const IncidentPlan = z.strictObject({
  action: z.enum(ACTIONS),
  /** The server's name when one is opened, for the run's own column. */
  server: z.string().nullable(),
  incidentId: z.string().nullable(),
  scenario: z.string().nullable(),
  at: z.string().nullable(),
  tables: z.array(z.string()).nullable(),
  step: z.string().nullable(),
  to: z.string().nullable(),
  note: z.string().nullable(),
});
export type IncidentPlan = z.infer<typeof IncidentPlan>;

export interface PlanFacts {
  readonly servers: readonly string[];
  /** Bare times are read in it. */
  readonly zone: string;
  readonly now: Temporal.Instant;
}

const STEP_ACTIONS: readonly Action[] = ['do', 'tick', 'skip'];

/** @throws Problem INCIDENT_WORDS_WRONG */
export function planIncident(input: IncidentInput, facts: PlanFacts): IncidentPlan {
  const { action, subject, tables, note } = input;
  const at = readWhen(input.when, facts);
  requirePast(at, facts.now);
  const plan = {
    action,
    server: null,
    incidentId: null,
    scenario: null,
    at: at === undefined ? null : momentText(at),
    tables: tables === undefined ? null : [...requireTables(tables)],
    step: input.step ?? null,
    to: input.to ?? null,
    note: note ?? null,
  };
  if (action === 'list') return plan;
  if (action === 'open') return { ...plan, ...planOpening(input, facts.servers) };
  if (subject === undefined) throw wrong('which incident', `incident ${action} inc-1122-shop`);
  if (STEP_ACTIONS.includes(action) && input.step === undefined)
    throw wrong('which step', '--step 2');
  return { ...plan, incidentId: subject };
}

function planOpening(
  { subject, what }: IncidentInput,
  servers: readonly string[],
): Pick<IncidentPlan, 'server' | 'scenario'> {
  const server = subject ?? (servers.length === 1 ? servers[0] : undefined);
  if (server === undefined) throw wrong('which server it is for', 'incident open shop');
  requireServer(servers, server);
  if (what === undefined) throw wrong('what happened', '--what gone');
  return { server, scenario: readScenario(what).id };
}

function wrong(missing: string, example: string): Problem {
  const message = `Cannot read "incident": it must say ${missing}`;
  return new Problem(INCIDENT_WORDS, message, { hint: `Write it like \`${example}\`.` });
}

function readWhen(
  text: string | undefined,
  { zone, now }: PlanFacts,
): Temporal.Instant | undefined {
  if (text === undefined) return undefined;
  const reading = readMoment(text, zone, now);
  switch (reading.outcome) {
    case 'moment':
      return reading.at;
    case 'twice': {
      const hint = `Say which: ${momentText(reading.first)} or ${momentText(reading.second)}.`;
      throw new Problem(INCIDENT_WORDS, `Cannot read "${text}": it happened twice in ${zone}`, {
        hint,
      });
    }
    case 'never':
    case 'unreadable':
      throw new Problem(INCIDENT_WORDS, `Cannot read "${text}" as a moment in ${zone}`, {
        hint: 'Write `14:40`, `"2026-11-22 14:40"` or `2026-11-22T13:40:00Z`.',
      });
    default:
      throw new TypeError(`Unreachable reading: ${JSON.stringify(reading satisfies never)}`);
  }
}
