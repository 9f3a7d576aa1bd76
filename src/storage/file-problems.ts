/** Turns what the file system says into the problems of a store. Pure. */
import { isProblem, Problem, type ProblemKind } from '../kernel/problem.ts';
import { OBJECT_MISSING, STORE_FULL, STORE_UNREACHABLE, WRITE_REFUSED } from './problems.ts';

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

export function missingProblem(key: string): Problem {
  return new Problem(OBJECT_MISSING, `Cannot open "${key}": no such object`, { facts: { key } });
}

/** Of a folder that has held objects, as we remember, and holds nothing now. */
export function unmounted(store: string, path: string): Problem {
  return new Problem(
    STORE_UNREACHABLE,
    `Cannot open the store "${store}": its folder holds nothing, and should hold what was stored there`,
    {
      facts: { store },
      hint: `Mount its disk. If it is to begin anew on purpose, make the folder \`${path}/#unfinished\`.`,
    },
  );
}

const LINKS = 'Put the store on a file system with hard links, such as ext4, XFS, ZFS or NFS.';
const KINDS: ReadonlyMap<string, readonly [kind: ProblemKind, why: string, hint?: string]> =
  new Map([
    ['ENOSPC', [STORE_FULL, 'there is no room']],
    ['EDQUOT', [STORE_FULL, 'the quota is used up']],
    ['ENOENT', [STORE_UNREACHABLE, 'its folder is gone']],
    ['ENOTDIR', [STORE_UNREACHABLE, 'something that is not a folder is in its place']],
    ['EACCES', [STORE_UNREACHABLE, 'the user that runs dbdr may not']],
    ['EPERM', [STORE_UNREACHABLE, 'the file system does not allow it']],
    ['EROFS', [STORE_UNREACHABLE, 'the file system is read-only']],
    ['EIO', [STORE_UNREACHABLE, 'the disk reports an error']],
    ['ESTALE', [STORE_UNREACHABLE, 'the mount is stale']],
    ['ENOTSUP', [STORE_UNREACHABLE, 'its file system knows no hard links', LINKS]],
    ['EOPNOTSUPP', [STORE_UNREACHABLE, 'its file system knows no hard links', LINKS]],
    ['ENAMETOOLONG', [WRITE_REFUSED, 'the name is too long for its file system']],
    ['ELOOP', [WRITE_REFUSED, 'a link is in the way']],
  ]);

export interface Doing {
  readonly action: string;
  /** The object, or empty: the store itself. */
  readonly what: string;
  readonly store: string;
}

/** A `Problem` passes as it is; what is not known is a bug and passes as well. */
export function storeProblem(error: unknown, { action, what, store }: Doing): unknown {
  const code = errorCode(error);
  const known = KINDS.get(code ?? '');
  if (isProblem(error) || known === undefined) return error;
  const [kind, why, hint] = known;
  const object = what === '' ? '' : ` "${what}" in`;
  return new Problem(kind, `Cannot ${action}${object} the store "${store}": ${why}`, {
    facts: { store, ...(what === '' ? {} : { key: what }) },
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
