/** Loaded before everything else in a process whose clock shall be wrong by SKEWED_CLOCK_MS. */
const skewMs = Number(process.env['SKEWED_CLOCK_MS']);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...parts) {
    if (parts.length === 0) super(RightDate.now() + skewMs);
    else super(...parts);
  }

  static now() {
    return RightDate.now() + skewMs;
  }
};

// The Node that only starts ours may be older.
if (typeof Temporal !== 'undefined') {
  const right = Temporal.Now.instant.bind(Temporal.Now);
  Temporal.Now.instant = () => right().add({ milliseconds: skewMs });
}
