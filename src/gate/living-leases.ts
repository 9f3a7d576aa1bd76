/**
 * Leases that a dead process does not hold for the rest of their time: where it is certain that the
 * holder is gone, its lease is free at once. A holder on another machine is judged by its time alone.
 */
import type { LeaseRecords } from '../catalog/records.ts';
import type { Processes } from './processes.ts';

export function livingLeases(
  leases: LeaseRecords,
  { isGone }: Pick<Processes, 'isGone'>,
): LeaseRecords {
  async function livingHolder(name: string, nowAt: string): Promise<string | undefined> {
    const holder = await leases.holderOf(name, nowAt);
    return holder === undefined || isGone(holder) ? undefined : holder;
  }

  return {
    renew: async (name, holder, untilAt, nowAt) => leases.renew(name, holder, untilAt, nowAt),
    release: async (name, holder) => leases.release(name, holder),
    holderOf: livingHolder,

    async take(name, holder, untilAt, nowAt) {
      if (await leases.take(name, holder, untilAt, nowAt)) return true;
      const other = await leases.holderOf(name, nowAt);
      if (other === undefined || !isGone(other)) return false;
      // Only the dead one's: whoever took it meanwhile keeps it.
      await leases.release(name, other);
      return await leases.take(name, holder, untilAt, nowAt);
    },
  };
}
