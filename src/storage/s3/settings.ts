/** What an S3 store is told: where its bucket is, as whom to speak, and how to store. */

/** Keys by name, or a profile of the SDK's own files. */
export type S3Credentials =
  | { readonly profile: string }
  | {
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken?: string | undefined;
    };

export interface S3Settings {
  readonly bucket: string;
  /** Below which all objects lie, without a slash at either end; undefined: the bucket itself. */
  readonly prefix?: string | undefined;
  readonly region: string;
  /** Of a compatible server; undefined: Amazon's own. */
  readonly endpoint?: string | undefined;
  readonly forcePathStyle?: boolean;
  readonly storageClass?: string | undefined;
  /** What the bucket does besides our own encryption; undefined: what the bucket says. */
  readonly encryption?:
    | { readonly kind: 'aes256' }
    | { readonly kind: 'kms'; readonly key: string }
    | undefined;
  /** Until its time nobody removes a `compliance` object; `governance`: who has a special right may. */
  readonly objectLock?: { readonly mode: 'compliance' | 'governance' } | undefined;
  /** Undefined: the SDK's default chain. */
  readonly credentials?: S3Credentials | undefined;
  /** Who removes; undefined: who writes. */
  readonly deleter?: S3Credentials | undefined;
}

/** How long to go on, and with how much memory. Tests make them small. */
export interface S3Limits {
  /** A connection must stand by then. */
  readonly connectMs: number;
  /** A connection on which nothing moves for so long is given up. */
  readonly idleMs: number;
  /** A call must be answered by then; what it carries is given time on top, at 50 kB/s. */
  readonly answerMs: number;
  /** After so long nothing is asked again. */
  readonly retryBudgetMs: number;
  /** The same for writes: their bodies cannot be begun again, and hours of work may hang on one. */
  readonly writeBudgetMs: number;
  readonly attemptsMax: number;
  readonly firstWaitMs: number;
  readonly waitCapMs: number;
  /** Size of the first parts; later ones grow, see `part-sizes.ts`. S3 takes no less than 5 MiB. */
  readonly partBytes: number;
  /** What parts take together, over all writes of a store; see `part-buffers.ts`. */
  readonly memoryBytes: number;
}

const MIB = 1024 * 1024;

export const S3_LIMITS: S3Limits = {
  connectMs: 5000,
  idleMs: 30_000,
  answerMs: 60_000,
  retryBudgetMs: 30_000,
  writeBudgetMs: 120_000,
  attemptsMax: 20,
  firstWaitMs: 200,
  waitCapMs: 10_000,
  partBytes: 8 * MIB,
  memoryBytes: 32 * MIB,
};
