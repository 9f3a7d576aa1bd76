/** What the command line needs from the rest of the house; `wire.ts` supplies it, loaded when used. */
import type { RunEvent } from '../catalog/runs.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Gate } from '../gate/gate.ts';
import type { Recovered } from '../gate/recover.ts';
import type { Registry } from '../gate/registry.ts';
import type { RunId } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';

export interface OpenHouse extends AsyncDisposable {
  readonly gate: Gate;
  readonly registry: Registry;
  /** Closes what dead processes left, and takes back what they had claimed. */
  recover(options: { readonly signal: AbortSignal }): Promise<Recovered>;
  /** The number of the newest run event. */
  newestSeq(): Promise<number>;
  eventsOf(runId: RunId): Promise<readonly RunEvent[]>;
}

export interface OpenOptions {
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface ServeOptions extends OpenOptions {
  /** One line for whoever started us; begins with `Ready` once everything runs. */
  readonly say: (line: string) => void;
}

export interface Houses {
  open(loaded: LoadedConfig, options: OpenOptions): Promise<OpenHouse>;
  /** Makes the first key where the config says. */
  createKeys(loaded: LoadedConfig, options: { readonly signal: AbortSignal }): Promise<CreatedKeys>;
}

export interface CreatedKeys {
  readonly keyId: string;
  /** The file, or the regions. */
  readonly places: readonly string[];
  /** What a person must keep a copy of: one sentence. */
  readonly escrow: string;
}

export type LoadHouses = () => Promise<Houses>;

/** Every operation, to read words and for help; nothing is opened, no config is needed. */
export type Describe = () => Promise<Registry>;

/** Runs until `signal` aborts, then stops in order. */
export type Serve = (loaded: LoadedConfig, options: ServeOptions) => Promise<void>;
