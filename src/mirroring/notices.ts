/**
 * What a mirror tells people: that it cannot go on, and what it found wrong. A finding stays open until a
 * whole catch-up has passed without it. Several mirrors of one server are told apart by the store's name.
 */
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { Problem } from '../kernel/problem.ts';
import type { MirroringDeps, Route } from './deps.ts';
import { MIRROR_CONFLICT, MIRROR_DAMAGED, MIRROR_SOURCE_INCOMPLETE } from './problems.ts';
import { storeAtFault } from './told-apart.ts';

/** The log and the backups are copied side by side: one must not wait for the other. */
export type Lane = 'log' | 'backups';

/** A store that stumbles once is nobody's business. */
const FAILURES_BEFORE_TOLD = 3;
const FAILING = 'MIRROR_FAILING';
const WRONG: readonly string[] = [MIRROR_CONFLICT, MIRROR_DAMAGED, MIRROR_SOURCE_INCOMPLETE].map(
  ({ code }) => code,
);

export class Notices {
  readonly #route: Route;
  readonly #deps: Pick<MirroringDeps, 'catalog' | 'clock' | 'log'>;
  /** Codes by lane, as the last catch-up left them; undefined: none has passed yet. */
  readonly #wrong = new Map<Lane, Set<string>>();
  readonly #failures = new Map<Lane, number>();
  #failuresEver = 0;

  constructor(route: Route, deps: Pick<MirroringDeps, 'catalog' | 'clock' | 'log'>) {
    this.#route = route;
    this.#deps = deps;
  }

  /** For `hasRecovered()`. */
  get failuresEver(): number {
    return this.#failuresEver;
  }

  /** Something failed since, and all is well again: what was away may have come back as another. */
  hasRecovered(since: number): boolean {
    return this.#failuresEver > since && !this.#isFailing();
  }

  #isFailing(): boolean {
    return [...this.#failures.values()].some((count) => count > 0);
  }

  /** Answers how often it has failed in a row. */
  async failed(lane: Lane, problem: Problem): Promise<number> {
    const { server, source, target } = this.#route;
    const failures = (this.#failures.get(lane) ?? 0) + 1;
    this.#failures.set(lane, failures);
    this.#failuresEver++;
    const { code } = problem.kind;
    this.#deps.log.warn('Cannot copy to the other store', {
      server,
      store: target.name,
      lane,
      code,
      reason: problem.message,
    });
    if (failures < FAILURES_BEFORE_TOLD) return failures;
    const isSource = storeAtFault(problem) === source.name;
    const what = lane === 'log' ? 'log' : 'backups';
    const why = isSource
      ? `the store "${source.name}" cannot be read`
      : `the store "${target.name}" does not take it`;
    await this.#open({
      code: FAILING,
      severity: 'warn',
      summary: `The copy of the ${what} of ${server} in "${target.name}" is late, because ${why}: ${problem.message}`,
      hint: `${problem.hint} Copying goes on by itself; see with \`wal ${server}\` how far it is.`,
    });
    return failures;
  }

  /** A whole catch-up of one lane is through; `wrong` are the codes of what it could not copy. */
  async passed(lane: Lane, wrong: ReadonlySet<string>): Promise<void> {
    this.#failures.set(lane, 0);
    this.#wrong.set(lane, new Set(wrong));
    const lanes = [...this.#wrong.values()];
    if (lanes.length < 2 || this.#isFailing()) return;
    await this.#close(FAILING);
    for (const code of WRONG) if (!lanes.some((codes) => codes.has(code))) await this.#close(code);
  }

  /** What was told of the source when it was a copy itself: it is the first store now. */
  async begin(): Promise<void> {
    const { server, source } = this.#route;
    for (const code of [FAILING, ...WRONG])
      await this.#deps.catalog.findings.close(rowOf(code, source.name), server);
  }

  /** One object that stays as it is, because copying it would make nothing better. */
  async wrong(problem: Problem): Promise<void> {
    const { server, target } = this.#route;
    const { code } = problem.kind;
    this.#deps.log.error('An object of the copy is wrong and stays', {
      code,
      server,
      store: target.name,
      reason: problem.message,
    });
    await this.#open({ code, severity: 'page', summary: problem.message, hint: problem.hint });
  }

  async #open(noticed: Omit<Finding, 'server' | 'since'>): Promise<void> {
    const { server } = this.#route;
    const at = utcText(this.#deps.clock.now());
    // Whoever tells people of it tells each store's apart.
    const finding = { ...noticed, server, store: this.#route.target.name, since: at };
    await this.#deps.catalog.findings.open({ code: this.#row(noticed.code), server, finding, at });
  }

  async #close(code: string): Promise<void> {
    await this.#deps.catalog.findings.close(this.#row(code), this.#route.server);
  }

  #row(code: string): string {
    return rowOf(code, this.#route.target.name);
  }
}

/** Findings are one a code and server: each mirror has its own. */
function rowOf(code: string, store: string): string {
  return `${code}:${store}`;
}
