/** What the bench and the process of our engine say to each other. */

export interface OursRequest {
  readonly action: 'backup' | 'restore';
  readonly server: string;
  /** The server's URL. */
  readonly url: string;
  /** The store's folder. */
  readonly store: string;
  /** Where to restore; empty for a backup. */
  readonly directory: string;
}

export interface OursAnswer {
  readonly storedBytes: number;
  readonly readBytes: number;
  /** The longest time that the main thread did not answer. */
  readonly stallMs: number;
  /** The most CPU time that it used without answering: what is left is the machine's, not ours. */
  readonly stallCpuMs: number;
}
