-- Which installation this is: what it keeps in a server that it shares with others, as fingerprints in Redis, bears this
-- id. A copy of the database is the same installation until the row is replaced.
create table sync_installation (
    id uuid primary key default gen_random_uuid()
);

insert into sync_installation default values;

-- It belongs to no tenant, and is no secret.
grant select on sync_installation to public;

-- What a run had to do without, where that made nothing wrong.
alter table sync_runs add column degraded text;
