/** Which server is meant. Pure. */

import { isServerName, type ServerName } from '../kernel/ids.ts';
import { unknownServer } from '../kernel/unknown-name.ts';
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
  throw unknownServer(SERVER_UNKNOWN, name, known);
}
