/** Reads what people say of an incident, and refuses what cannot be meant. Pure. */
import { Problem } from '../kernel/problem.ts';
import { unknownServer } from '../kernel/unknown-name.ts';
import { momentText } from './describe.ts';
import { INCIDENT_WORDS, STEP_UNKNOWN } from './problems.ts';
import { isOver, type WalkState, type WalkStep } from './walk.ts';

/** A table as commands and queries may carry it: it goes into SQL and shell text that people copy. */
const TABLE = /^(?:[A-Za-z_][\w$]*\.)?[A-Za-z_][\w$]*$/;

/** By its id, or by its number counted from one. */
export function requireStep(state: WalkState, said: string): { readonly step: WalkStep } {
  const step = state.steps.find(
    ({ page }, index) => page.id === said || String(index + 1) === said,
  );
  if (step !== undefined) return { step };
  const next = state.steps.findIndex((one) => !isOver(one)) + 1;
  throw new Problem(
    STEP_UNKNOWN,
    `Cannot find step "${said}": there are ${state.steps.length}`,
    next === 0 ? {} : { hint: `The step that is due is ${next}.` },
  );
}

export function requireServer(servers: readonly string[], server: string): void {
  if (servers.includes(server)) return;
  throw unknownServer(INCIDENT_WORDS, server, servers);
}

export function requirePast(at: Temporal.Instant | undefined, now: Temporal.Instant): void {
  if (at === undefined || Temporal.Instant.compare(at, now) <= 0) return;
  throw new Problem(INCIDENT_WORDS, `Cannot go back to ${momentText(at)}: that is in the future`, {
    hint: 'Say the last moment when all was well.',
  });
}

export function requireTables(tables: readonly string[]): readonly string[] {
  const wrong = tables.find((table) => !TABLE.test(table));
  if (wrong === undefined) return tables;
  throw new Problem(INCIDENT_WORDS, `Cannot read "${wrong}" as the name of a table`, {
    hint: 'Write orders or public.orders, with commas between.',
  });
}

export function missingHint(id: string, missing: readonly string[]): string {
  const flags = [
    ...(missing.includes('moment') ? ['--when TIME'] : []),
    ...(missing.includes('tables') || missing.includes('table') ? ['--tables NAMES'] : []),
  ];
  if (flags.length === 0) return 'Run the command of the step by hand, and skip the step here.';
  return `Say it with \`incident note ${id} ${flags.join(' ')}\`.`;
}
