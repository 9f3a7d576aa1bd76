/** Something that runs as long as the bot does. Capabilities offer them; `supervision/` keeps them alive. */

export interface ServiceContext {
  /** Aborted when the bot stops: finish what protects data, then return. */
  readonly signal: AbortSignal;
  /** Call it when the service works as intended: resets the backoff and clears `failing`. */
  readonly ready: () => void;
}

export interface Service {
  /** Stable and unique: `archiving:shop`. */
  readonly name: string;
  /** A lease that only one process may hold while the service runs there. */
  readonly lease?: string;
  /** Runs until aborted. Returning early or throwing makes the supervisor start it again, later. */
  run(context: ServiceContext): Promise<void>;
}
