//! The file that `hexsync init` writes.

/// A configuration that works once its secrets are set, with every other key as a comment.
pub(crate) const TEMPLATE: &str = r#"# Hexsync. Every key, its default and what it means. Secrets never stand here: a key that ends in _env names
# an environment variable, one that ends in _file a file. Relative paths start from this file's directory.

[database]
# sqlite:PATH, or postgres://user@host/database. An address with a password goes into url_env or url_file.
url = "sqlite:hexsync.db"
# url_env = "HEXSYNC_DATABASE_URL"
# pool_size = 8
# PostgreSQL, where tenants are told apart: the role that transactions step down to; "" where none can be made and
# the login is an ordinary one.
# tenant_role = "hexsync_app"

[engine]
# Whether tenants are told apart; every connection then names its tenant.
# multi_tenant = false
# Records per transaction.
# batch_size = 2000
# What is recorded of changes that change nothing: record (an item each) or count (their number only).
# noops = "record"
# What becomes of records that can't be applied: park (set aside and tried again) or pass_over.
# failures = "park"
# Where the cursor goes when every record of a run failed: advance or hold.
# all_failed = "advance"
# The wait before a parked record is tried again for the first time, doubled up to retry_max.
# retry_first = "60s"
# retry_max = "24h"
# retries_per_run = 2000
# How long a run's claim on its subscription lives when its process dies.
# lease_ttl = "60s"
# How often a batch is tried again while the database is away.
# store_attempts = 6

[loopback]
# Where fingerprints of what `hexsync writeback` sends are kept, by which its echo is known: database, redis or off.
# store = "database"
# How long they live; shorter than the time between two polls of the CRM, or one could hide what somebody changed since.
# ttl = "60s"
# poll_interval = "5m"
# With store = "redis" (also redis_url_file).
# redis_url_env = "HEXSYNC_REDIS_URL"

# Where calls from the CRMs are received: hexsync serve.
# [serve]
# address = "127.0.0.1:8080"
# What the CRMs call: the address of the proxy in front, with its path if it takes one off. HubSpot signs it.
# public_url = "https://hooks.example.com"
# The client secret of the HubSpot app.
# hubspot_secret_env = "HEXSYNC_HUBSPOT_CLIENT_SECRET"
# The last part of the address for Salesforce's outbound messages, /webhooks/salesforce/TOKEN: 32 random bytes in hex.
# salesforce_token_env = "HEXSYNC_SALESFORCE_WEBHOOK_TOKEN"
# How often notices are looked for that other processes received.
# poll_every = "500ms"
# How long applied notices are kept, so that repeats are told.
# keep_settled = "3d"

# What tokens are sealed under that users grant in a browser (auth = "connected").
# [keys]
# A line id:key per key, made by `hexsync keys new`; the first seals unless `active` names another.
# ring_env = "HEXSYNC_KEYS"
# active = "2026-11"

[events]
# Whether every applied change is published as an event, in the transaction that applies it. Off, because what nobody
# delivers only piles up: see `hexsync events --help`.
# publish = false
# How long events are kept that every consumer has received; `hexsync events purge` removes older ones.
# keep = "7d"
# After how many failures an event is parked until it is replayed, and whether later events of its record wait for that.
# attempts = 8
# pass_parked = false
# Where `hexsync events relay redis` and `hexsync events relay nats` deliver to (each also as _file).
# redis_url_env = "HEXSYNC_REDIS_URL"
# About how many entries each stream of Redis keeps; all by default.
# redis_max_length = 1000000
# nats_url_env = "HEXSYNC_NATS_URL"
# Whether the stream HEXSYNC_EVENTS is made when it is missing.
# nats_create = false

[[connections]]
id = "main"
provider = "salesforce"
# Where users sign in: https://login.salesforce.com, https://test.salesforce.com, or the org's own address.
login_url = "https://login.salesforce.com"
# refresh_token, client_credentials, jwt_bearer, access_token, or connected (a user grants access in a browser:
# `hexsync connections connect main`).
auth = "refresh_token"
client_id = "the consumer key of your connected app"
client_secret_env = "HEXSYNC_SALESFORCE_CLIENT_SECRET"
# A file is where a rotated token is written back to; with refresh_token_env rotation has to be off.
refresh_token_env = "HEXSYNC_SALESFORCE_REFRESH_TOKEN"
# jwt_bearer: username, private_key_file (or _env), audience (default: login_url).
# access_token: instance_url, access_token_env (or _file).
# connected: client_id, client_secret_env, redirect_url (default http://127.0.0.1:8910/connect/salesforce/callback),
# scopes; the section [keys] is needed.
# The share of the org's daily API calls that is left to your other tools, percent.
# api_reserve_percent = 20
# How far behind Salesforce's clock a run stops reading, because records become visible late.
# settle_lag = "5s"
# How far behind its cursor a run reads again.
# overlap = "10m"
# The organisation id (HubSpot: the portal id), by which calls to hexsync serve are told.
# account_id = "00DDn000000ZyXwMAK"
# What is synced, in place of what every org has. Objects that you made, such as project, are named here.
# entities = ["user", "account", "contact", "opportunity", "opportunity_contact", "project"]

# Another account, of HubSpot. Rows of all connections share the tables, told apart by the connection's id.
# [[connections]]
# id = "hubspot"
# provider = "hubspot"
# access_token (of a private app) or refresh_token (OAuth).
# auth = "access_token"
# access_token_env = "HEXSYNC_HUBSPOT_ACCESS_TOKEN"
# refresh_token: client_id, client_secret_env, refresh_token_env (each secret also as _file).
# connected: client_id, client_secret_env, scopes, redirect_url, app_url (default https://app.hubspot.com).
# base_url = "https://api.hubapi.com"
# api_reserve_percent, settle_lag (default 10s), overlap and entities as above.
"#;
