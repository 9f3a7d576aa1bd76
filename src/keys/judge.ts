/** What is wrong with the keys, from what was seen: issues for whoever asked, findings for everybody. Pure. */
import type { KeyDanger } from '../encryption/key-keeper.ts';
import type { Finding } from '../kernel/finding.ts';
import type { Problem } from '../kernel/problem.ts';
import { KEY_DIFFERS, type KeyIssue, type KeyReport, type KeyUse, type Proof } from './report.ts';

export const UNPROVED = 'KEY_UNPROVED';

/** Everything `judgeKeys()` can open, so that whoever keeps findings can close what is over. */
export const KEY_CODES = [
  'KEY_MISSING',
  'KEY_COPY_MISSING',
  'KEY_DELETION_SCHEDULED',
  'KEY_PROOF_FAILED',
  UNPROVED,
] as const;

export const LOST_KEY = 'lost-key.md';

export interface JudgedKeys {
  readonly keys: readonly KeyReport[];
  readonly dangers: readonly KeyDanger[];
  /** What could not be looked at, and of which server. */
  readonly unclear: readonly { readonly server: string; readonly why: string }[];
  /** Why each place has no list of keys at all; empty: one has. */
  readonly lost: readonly Problem[];
}

export function judgeKeys({ keys, dangers, unclear, lost }: JudgedKeys): readonly KeyIssue[] {
  const needed = keys.filter(isNeeded);
  return [
    ...ringIssues(lost),
    ...needed.flatMap(keyIssues),
    ...dangers.filter(({ keyId }) => needed.some((key) => key.keyId === keyId)).map(dangerIssue),
    ...unclear.map(({ server, why }) => ({ ...unproved(why), keyId: null, server })),
  ];
}

/** Without any list there is no key for what is new, whatever is stored. */
function ringIssues(lost: readonly Problem[]): readonly KeyIssue[] {
  const [first] = lost;
  if (first === undefined) return [];
  const why = lost.map(({ message }) => message).join('; ');
  const silent = lost.find(({ kind }) => kind.retry !== 'never');
  if (silent !== undefined) return [{ ...unproved(why), keyId: null, server: null }];
  return [
    {
      code: 'KEY_MISSING',
      keyId: null,
      server: null,
      verdict: 'FAIL',
      severity: 'page',
      summary: why,
      hint: first.hint,
    },
  ];
}

/** Objects need it, new ones will, or WAL is named with it. */
function isNeeded({ isCurrent, namesWal, objects }: KeyReport): boolean {
  return isCurrent || namesWal || (objects ?? 0) > 0;
}

function keyIssues(key: KeyReport): readonly KeyIssue[] {
  const { keyId, places, uses } = key;
  const undecided = places.find((one) => one.code === KEY_DIFFERS && one.readable === null);
  const readable = places.filter(({ readable: is }) => is === true).map(({ place }) => place);
  if (undecided === undefined && readable.length === 0)
    return whereNeeded(key).map((server) => nowhere(key, server));
  const otherwise = places.filter(({ code, readable: is }) => is !== true && code !== KEY_DIFFERS);
  return [
    ...(undecided === undefined ? [] : [differing(key, undecided.problem ?? '')]),
    ...places.filter(isWrong).map((place) => wrongAt(keyId, place, readable.join(' and '))),
    ...otherwise.map((place) => notAt(keyId, place)),
    ...uses.flatMap((use) => proofIssues(keyId, use)),
  ];
}

/** Null: all of them, because what is new needs it. */
function whereNeeded({ isCurrent, namesWal, uses }: KeyReport): readonly (string | null)[] {
  return isCurrent || namesWal ? [null] : [...new Set(uses.map(({ server }) => server))];
}

function nowhere({ keyId, places, objects }: KeyReport, server: string | null): KeyIssue {
  const why = places.flatMap(({ problem }) => (problem === null ? [] : [problem])).join('; ');
  const many = objects === null ? '' : ` (${objects} objects need it)`;
  if (places.some(({ readable }) => readable === null)) {
    const told = `Nobody can tell now whether the key "${keyId}" is still there${many}: ${why}`;
    return { ...unproved(told), keyId, server };
  }
  return {
    code: 'KEY_MISSING',
    keyId,
    server,
    verdict: 'FAIL',
    severity: 'page',
    summary: `The key "${keyId}" is readable nowhere${many}: ${why}`,
    hint: `Bring the key "${keyId}" back from the copy you keep: what it encrypted cannot be read without it.`,
  };
}

/** A page: one copy fewer than there should be, and no other warning comes before the last one. */
function copyMissing(keyId: string, told: Pick<KeyIssue, 'summary' | 'hint'>): KeyIssue {
  const page = { verdict: 'FAIL', severity: 'page' } as const;
  return { code: 'KEY_COPY_MISSING', keyId, server: null, ...page, ...told };
}

/** One of them is wrong, and whoever guesses may destroy the only right one. */
function differing({ keyId, isCurrent }: KeyReport, why: string): KeyIssue {
  const next = isCurrent
    ? '; then make a new key with `keys rotate`, so that what is new has one that is the same everywhere'
    : '';
  return copyMissing(keyId, {
    summary: why,
    hint: `Keep a copy of each of them somewhere else, and replace none by another before you know which is needed${next}.`,
  });
}

function isWrong({ code, readable }: KeyReport['places'][number]): boolean {
  return code === KEY_DIFFERS && readable === false;
}

function wrongAt(
  keyId: string,
  { place, problem }: KeyReport['places'][number],
  right: string,
): KeyIssue {
  return copyMissing(keyId, {
    summary: problem ?? '',
    hint: `Keep a copy of what ${place} holds, then bring the key "${keyId}" there as ${right} has it, and change nothing in ${right}.`,
  });
}

function notAt(keyId: string, { place, problem, readable }: KeyReport['places'][number]): KeyIssue {
  const why = problem ?? 'nobody knows why';
  if (readable === null)
    return {
      ...unproved(`The key "${keyId}" could not be read from ${place}: ${why}`),
      keyId,
      server: null,
    };
  return copyMissing(keyId, {
    summary: `The key "${keyId}" is not readable from ${place}, and should be: ${why}`,
    hint: `Bring the copy in ${place} back while another one is there; without it nothing can be restored from there alone.`,
  });
}

function proofIssues(keyId: string, use: KeyUse): readonly KeyIssue[] {
  const { oldest, newest, server, store } = use;
  const proofs = oldest.object === newest.object ? [oldest] : [oldest, newest];
  return proofs
    .filter(({ proved }) => proved !== true)
    .map((proof) => ({
      ...notProved(keyId, proof, store),
      keyId,
      server,
    }));
}

function notProved(
  keyId: string,
  { object, proved, problem }: Proof,
  store: string,
): Omit<KeyIssue, 'keyId' | 'server'> {
  const told = `"${object}" in ${store} was not decrypted with the key "${keyId}": ${problem ?? ''}`;
  if (proved === null) return unproved(told);
  return {
    code: 'KEY_PROOF_FAILED',
    verdict: 'FAIL',
    severity: 'page',
    summary: told,
    hint: `Compare the key "${keyId}" with the copy you keep; if it is the same, run \`verify\` to see what else of the store is damaged.`,
  };
}

function dangerIssue({ keyId, kind, summary, hint }: KeyDanger): KeyIssue {
  const isDeletion = kind === 'deletion scheduled';
  return {
    code: isDeletion ? 'KEY_DELETION_SCHEDULED' : 'KEY_COPY_MISSING',
    keyId,
    server: null,
    verdict: 'FAIL',
    severity: isDeletion ? 'page' : 'warn',
    summary,
    hint,
  };
}

function unproved(summary: string): Omit<KeyIssue, 'keyId' | 'server'> {
  return {
    code: UNPROVED,
    verdict: 'ERROR',
    severity: 'warn',
    summary,
    hint: 'See why it could not be looked at, then ask again with `keys check`.',
  };
}

export interface FindingsRequest {
  readonly issues: readonly KeyIssue[];
  readonly server: string;
  /** RFC 3339. */
  readonly since: string;
}

/** One for each code: what is wrong with several keys stands in one sentence. */
export function findingsOf({ issues, server, since }: FindingsRequest): readonly Finding[] {
  const ours = issues.filter((one) => one.server === null || one.server === server);
  return KEY_CODES.flatMap((code) => {
    const told = ours.filter((one) => one.code === code);
    const [first, ...more] = told.toSorted((a, b) => weight(b) - weight(a));
    if (first === undefined) return [];
    const others = more.length === 0 ? '' : ` (and ${more.length} more, see \`keys check\`)`;
    const { severity, hint } = first;
    const summary = `${first.summary}${others}`;
    return [{ code, server, severity, summary, hint, since, runbook: LOST_KEY }];
  });
}

/** What a page tells must be what somebody is woken for. */
function weight({ severity }: KeyIssue): number {
  return severity === 'page' ? 1 : 0;
}
