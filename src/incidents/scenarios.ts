/** The bad days that dbdr leads through, and the page for each. Pure. */
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import { INCIDENT_WORDS } from './problems.ts';

export interface Scenario {
  /** As rows keep it: `rows or a table gone`. */
  readonly id: string;
  readonly title: string;
  /** What a title says: `shop: rows or a table are gone`. */
  readonly phrase: string;
  /** What people may type for it. */
  readonly words: readonly string[];
}

/** The walk that a proof's report opens. */
export const DAMAGED_BACKUP = 'damaged backup';

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'rows or a table gone',
    title: 'Rows or a table are gone',
    phrase: 'rows or a table are gone',
    words: ['gone', 'rows', 'table', 'deleted', 'dropped'],
  },
  {
    id: 'bad change',
    title: 'A migration or deploy did damage',
    phrase: 'a change did damage',
    words: ['change', 'migration', 'deploy'],
  },
  {
    id: DAMAGED_BACKUP,
    title: 'A backup failed its proof',
    phrase: 'a backup failed its proof',
    words: ['proof', 'unverified'],
  },
];

/** May be said of a change and of a backup: a wrong walk is worse than one question more. */
const VAGUE = ['damage', 'damaged', 'backup'];

/** Reads `gone`, `rows or a table gone`, `bad change`, `migration`. @throws Problem INCIDENT_WORDS_WRONG */
export function readScenario(text: string): Scenario {
  const said = text.trim().toLowerCase();
  const exact = SCENARIOS.find(({ id, title }) => id === said || title.toLowerCase() === said);
  if (exact !== undefined) return exact;
  const tokens = said.split(/\W+/);
  const fitting = SCENARIOS.filter(({ words }) => words.some((word) => tokens.includes(word)));
  const [found, ...more] = fitting;
  if (found !== undefined && more.length === 0) return found;
  if (found !== undefined) throw unclear(text, fitting);
  if (VAGUE.some((word) => tokens.includes(word))) throw unclear(text, SCENARIOS);
  throw unknown(text, said);
}

function unclear(text: string, fitting: readonly Scenario[]): Problem {
  return new Problem(INCIDENT_WORDS, `Cannot tell which runbook "${text}" asks for`, {
    hint: `Say which: ${sayEach(fitting)}.`,
  });
}

function unknown(text: string, said: string): Problem {
  const near = nearestWord(
    said,
    SCENARIOS.flatMap(({ words }) => words),
  );
  const known = sayEach(SCENARIOS);
  return new Problem(INCIDENT_WORDS, `Cannot lead through "${text}": no runbook is for it`, {
    hint:
      near === undefined ? `Say ${known}.` : `Did you mean \`${near}\`? Otherwise say ${known}.`,
  });
}

function sayEach(scenarios: readonly Scenario[]): string {
  return scenarios.map(({ id }) => `\`--what "${id}"\``).join(' or ');
}

/**
 * Of damaged data: when it is known which tables were damaged, only they come back and nothing newer is lost. A change
 * that did damage nobody can name yet needs a copy of everything to look at.
 */
export function runbookFor(scenario: Scenario, tables: readonly string[]): string {
  if (scenario.id === DAMAGED_BACKUP) return 'damaged-backup.md';
  return scenario.id === 'bad change' && tables.length === 0
    ? 'point-in-time.md'
    : 'accidental-deletion.md';
}
