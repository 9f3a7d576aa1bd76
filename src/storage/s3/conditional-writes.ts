/**
 * Lets the bucket refuse to overwrite: `If-None-Match: *`. Not every compatible server keeps that; some say
 * so, some take no notice. The first small object is therefore put a second time, the same bytes, and the
 * bucket must refuse. Where it does not, we look before we write, and say that two writers at the same
 * moment are then not kept apart.
 */
import { CallFailed, hasCode, hasStatus } from './failures.ts';

export interface Condition {
  readonly IfNoneMatch?: '*';
}

export interface ConditionalWrite {
  readonly send: (condition: Condition) => Promise<void>;
  readonly isThere: () => Promise<boolean>;
  /** False where sending twice would cost more than it tells. */
  readonly canProbe: boolean;
}

const REFUSE: Condition = { IfNoneMatch: '*' };

export class ConditionalWrites {
  #state: 'unknown' | 'kept' | 'lacking' = 'unknown';
  readonly #warn: (why: string) => void;

  constructor(warn: (why: string) => void) {
    this.#warn = warn;
  }

  get isLacking(): boolean {
    return this.#state === 'lacking';
  }

  /** `taken`: there is an object of that name, and it is as it was. @throws CallFailed */
  async write(write: ConditionalWrite): Promise<'written' | 'taken'> {
    if (this.isLacking) return await sendIfFree(write);
    try {
      await write.send(REFUSE);
    } catch (error) {
      if (hasStatus(error, 412)) {
        this.#state = 'kept';
        return 'taken';
      }
      if (!isNotImplemented(error) || this.#state === 'kept') throw error;
      const outcome = await sendIfFree(write);
      this.#lacking('it says that it does not know conditional writes');
      return outcome;
    }
    if (write.canProbe && this.#state === 'unknown') await this.#probe(write);
    return 'written';
  }

  async #probe({ send }: ConditionalWrite): Promise<void> {
    try {
      await send(REFUSE);
    } catch (error) {
      if (hasStatus(error, 412)) this.#state = 'kept';
      // What was written is written; the next write asks again.
      else if (!(error instanceof CallFailed)) throw error;
      return;
    }
    this.#lacking('it takes no notice of conditional writes');
  }

  #lacking(why: string): void {
    if (this.isLacking) return;
    this.#state = 'lacking';
    this.#warn(why);
  }
}

async function sendIfFree({ send, isThere }: ConditionalWrite): Promise<'written' | 'taken'> {
  if (await isThere()) return 'taken';
  await send({});
  return 'written';
}

function isNotImplemented(error: unknown): boolean {
  return hasStatus(error, 501) || hasCode(error, 'NotImplemented');
}
