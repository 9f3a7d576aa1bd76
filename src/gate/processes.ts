/** Which process performs a run, and whether a process that did is gone. */
import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Processes {
  /** `host/namespace:pid:random`: unique even when the system gives the same number again. */
  readonly self: string;
  /** True only when it is certain; a process elsewhere is judged by its lease alone. */
  isGone(holder: string): boolean;
}

export function systemProcesses(): Processes {
  const place = `${hostname()}/${pidNamespace()}`;
  const self = `${place}:${process.pid}:${randomBytes(4).toString('hex')}`;
  return {
    self,
    isGone(holder) {
      const [heldPlace, pidText = ''] = holder.split(':');
      if (holder === self || heldPlace !== place) return false;
      const pid = Number(pidText);
      if (!Number.isSafeInteger(pid) || pid <= 0) return false;
      // Our number with another random part: it was given to a process before us.
      return pid === process.pid || !isAlive(pid);
    },
  };
}

/** Process numbers mean something only inside one namespace: containers may share a host name. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
  } catch {
    // Not Linux: there are no such namespaces.
    return '0';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
