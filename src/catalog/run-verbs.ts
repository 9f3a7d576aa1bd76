/** The verbs on runs. */
export interface RunVerbs {
  readonly placeholder?: never;
}
