/** Reaches the socket inside the driver's client: for taking it over, and for ending what hangs. */
import { Duplex } from 'node:stream';

import type pg from 'pg';

/** The stream the driver talks through, with TLS on top where there is TLS. */
export function driverSocket(client: pg.Client): Duplex {
  const connection: unknown = Reflect.get(client, 'connection');
  const stream: unknown =
    typeof connection === 'object' && connection !== null
      ? Reflect.get(connection, 'stream')
      : undefined;
  if (!(stream instanceof Duplex)) throw new TypeError('The driver has hidden its socket');
  return stream;
}
