/** Which server is meant. Pure. */

import { isServerName, type ServerName } from '../kernel/ids.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import type { RecoveryServer } from './deps.ts';
import { SERVER_UNKNOWN } from './problems.ts';

/** The named server, or the only one. @throws Problem SERVER_UNKNOWN with the one likely meant. */
export function requireServer(
  servers: ReadonlyMap<ServerName, RecoveryServer>,
  name: string | undefined,
): { readonly name: ServerName; readonly server: RecoveryServer } {
  const known = [...servers.keys()];
  const meant = name ?? (known.length === 1 ? known[0] : undefined);
  if (meant !== undefined && isServerName(meant)) {
    const server = servers.get(meant);
    if (server !== undefined) return { name: meant, server };
  }
  if (name === undefined) {
    throw new Problem(
      SERVER_UNKNOWN,
      `Cannot tell which server is meant: the config has ${known.join(', ')}`,
    );
  }
  const near = nearestWord(name, known);
  throw new Problem(
    SERVER_UNKNOWN,
    `Cannot find a server "${name}": the config has ${known.join(', ')}`,
    {
      facts: { server: name },
      ...(near === undefined ? {} : { hint: `Did you mean \`${near}\`?` }),
    },
  );
}
