/** An example config that works once its names are yours; `config example` prints it. */

export const EXAMPLE_CONFIG = `# Everything dbdr does starts here. Check it with: npx dbdr config check
timezone: UTC                    # how bare times at a terminal and schedules are read
state: ./state                   # the catalogue (SQLite) and scratch clusters

servers:
  shop:
    # \${SHOP_PASSWORD} is taken from the environment, or from the file SHOP_PASSWORD_FILE names.
    url: postgres://dbdr:\${SHOP_PASSWORD}@db.internal:5432/shop
    stores: [here]               # the first takes backups and log, the others copy it
    backup: { schedule: "0 2 * * *" }
    verification: { schedule: "0 4 * * *", tables: 10, hash: part, max_age: PT24H }
    retention: { daily: 7, weekly: 4, monthly: 12, pitr: P7D }
    objectives: { rpo: PT5M, rto: PT30M }

stores:
  here: { kind: directory, path: ./store }
  # far:                         # a bucket in another region; keys by the SDK's default chain
  #   kind: s3
  #   bucket: my-backups
  #   prefix: dbdr
  #   region: eu-west-3
  #   object_lock: { mode: compliance }   # the bucket needs versioning and Object Lock

keys:                            # make it once with: npx dbdr keys create
  kind: file                     # and keep a copy somewhere else: no backup can be read without it
  path: ./keyring.json

# prices:                        # what usage reckons with: look them up, and say when you did
#   as_of: 2026-11-01
#   currency: USD
#   per_gb_month: { here: { STANDARD: 0.023 } }
#   per_1000_requests: { here: { put: 0.005, get: 0.0004 } }   # of a bucket

# alerts:                        # without it nobody is woken; try it with: npx dbdr alerts --test
#   pagerduty: { routing_key: "\${PAGERDUTY_ROUTING_KEY}" }   # integration "Events API v2"
#   remind_after: PT4H           # what was resolved by hand and still stands rings again

# slack:                         # with SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET in the environment
#   mode: http
#   port: 3001
#   channels: { ops: C0OPS, stakeholders: C0NEWS }
#   people:
#     operators: [S0ONCALL]      # user groups or user ids
#     approvers: [U0ANA, U0BEN]
#   approvals: { high: 1, expires: PT30M, self: false }
`;
