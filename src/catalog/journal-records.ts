/** The verbs on journal entries. */
export interface JournalRecords {
  readonly placeholder?: never;
}
