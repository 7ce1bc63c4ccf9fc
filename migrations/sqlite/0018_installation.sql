-- Which installation this is: what it keeps in a server that it shares with others, as fingerprints in Redis, bears this
-- id. A copy of the file is the same installation until the row is replaced.
create table sync_installation (
    id text primary key
);

insert into sync_installation (id) values (lower(hex(randomblob(16))));

-- What a run had to do without, where that made nothing wrong.
alter table sync_runs add column degraded text;
