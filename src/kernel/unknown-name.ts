/** What is told when a caller names something that the config does not have, or nothing. Pure. */
import { nearestWord } from './nearest.ts';
import { Problem, type ProblemKind } from './problem.ts';

/** `kind`: the room's own. `name` undefined: nobody said which, and there is more than one, or none. */
export function unknownServer(
  kind: ProblemKind,
  name: string | undefined,
  known: readonly string[],
): Problem {
  if (name !== undefined) return unknownName(kind, { what: 'server', name, known });
  const message = `Cannot tell which server is meant: the config has ${known.join(', ')}`;
  return new Problem(kind, message);
}

export function unknownName(
  kind: ProblemKind,
  {
    what,
    name,
    known,
  }: { readonly what: string; readonly name: string; readonly known: readonly string[] },
): Problem {
  const near = nearestWord(name, known);
  return new Problem(kind, `Cannot find a ${what} "${name}": the config has ${known.join(', ')}`, {
    facts: { [what]: name },
    ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
  });
}
