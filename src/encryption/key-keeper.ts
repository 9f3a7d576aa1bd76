/**
 * Where the generations of a ring are kept for good, and how one is added. Implementations:
 * `file-keeper.ts` and `secrets-keeper.ts`. A generation is never changed and never removed here: an
 * old one reads old backups, and the oldest one also names WAL segments for ever.
 */
import type { Generations } from './generations.ts';

export interface KeeperOptions {
  readonly signal: AbortSignal;
}

/** One copy of the ring: the file, or the secrets in one region. */
export interface KeyPlace {
  /** `./keyring.json`, `us-east-1`. */
  readonly name: string;
  /** Asks this place alone, whatever is remembered. @throws Problem when not even a list is there. */
  look(options: KeeperOptions): Promise<PlaceLook>;
}

export interface PlaceLook {
  readonly generations: Generations;
  /** What endangers a generation that can still be read, or tells when an unreadable one is gone. */
  readonly dangers: readonly KeyDanger[];
}

export interface KeyDanger {
  readonly keyId: string;
  readonly kind: 'deletion scheduled' | 'copy failed';
  /** One sentence: what is. */
  readonly summary: string;
  readonly hint: string;
  /** When it is gone for good; undefined: nobody knows. */
  readonly at?: Temporal.Instant | undefined;
}

export interface NewGeneration {
  readonly keyId: string;
  /** Undefined: it is the first. */
  readonly previousKeyId: string | undefined;
  /** Names of the places that hold it now, each read back. */
  readonly places: readonly string[];
}

export interface KeyKeeper {
  /** For messages: `the key file "…"`, `the secrets "…"`. */
  readonly description: string;
  /** What a person must keep a copy of, and how. One sentence in the imperative. */
  readonly escrow: string;
  readonly places: readonly KeyPlace[];
  /** So often a long-lived process looks whether another one has rotated. */
  readonly refreshEveryMs: number;

  /**
   * Everything, from whichever place answers.
   *
   * @throws Problem KEY_* when not even the list of generations can be read.
   */
  load(options: KeeperOptions): Promise<Generations>;

  /**
   * Makes the first generation.
   *
   * @throws Problem KEY_FILE_EXISTS, KEY_SECRETS_EXIST; nothing is ever overwritten.
   */
  create(options: KeeperOptions): Promise<NewGeneration>;

  /**
   * Adds a generation and makes it current once every place holds it. Interrupted at any point, nothing
   * is lost: the next call finishes it or begins anew.
   *
   * @throws Problem KEY_*; the ring is then what it was.
   */
  rotate(options: KeeperOptions): Promise<NewGeneration>;
}
