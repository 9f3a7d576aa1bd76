/** Counts what is really asked of buckets, tries again included: their owner pays for each. */

export interface Requests {
  readonly put: number;
  readonly list: number;
  readonly get: number;
  /** Amazon takes nothing for these. */
  readonly remove: number;
}

const NONE: Requests = { put: 0, list: 0, get: 0, remove: 0 };

export class RequestCounts {
  #counts = new Map<string, Requests>();

  /** `command`: the SDK's name of it, such as `PutObjectCommand`. */
  count(store: string, command: string): void {
    const known = this.#counts.get(store) ?? NONE;
    const kind = kindOf(command);
    this.#counts.set(store, { ...known, [kind]: known[kind] + 1 });
  }

  /** What was counted since it was last taken, by store. */
  take(): ReadonlyMap<string, Requests> {
    const taken = this.#counts;
    this.#counts = new Map();
    return taken;
  }
}

/** As Amazon S3's price list has them: writing is dear, listing as much, reading little. */
function kindOf(command: string): keyof Requests {
  if (/^(?:Put|Create|Upload|Complete|Copy)/.test(command)) return 'put';
  if (command.startsWith('List')) return 'list';
  return /^(?:Delete|Abort)/.test(command) ? 'remove' : 'get';
}
