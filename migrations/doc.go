// Package migrations holds the schema of both databases as numbered steps. What a number does on
// one it does on the other.
//
//   - Every primary key and unique index begins with project_id, so that the tables can be
//     distributed by it. The directory tables below are the exception: they are asked before
//     the project is known, or belong to the server.
//   - There are no sequences (ids are UUIDv7 made by the app) and no foreign keys, which could
//     not cross projects.
//   - project_id is uuid on PostgreSQL and text on SQLite; ids are text in byte order; times are
//     milliseconds since 1970 UTC, dates in an index microseconds.
//
// Directory tables, without project_id at the head of their keys:
//
//   - unique_key: who holds an e-mail address or an external id within a scope, and where a
//     client, a User or a membership lives; it is read to find the project.
//   - change: what other processes must drop from their caches, read whole by time.
//   - login, authorization_code, refresh_token, security_request: found by what a token, a code or a
//     link says, before anybody is known to have a project.
//   - passkey, passkey_challenge: found by what an authenticator says, before anybody is known.
//   - external_request: found by the state that comes back from an identity provider.
//   - pushed_request: found by the reference that a browser brings.
//   - client_assertion: what is good once, seen before a client has shown whose it is.
//   - signing_key, server_key: the server's own.
//   - rate_limit: counted before anybody is known.
//   - mail: the drawer, read whole by super administrators.
//   - blob: read by time, in all projects, to collect the bytes that nobody wants.
//   - goose_db_version and the river_ tables are those libraries' own.
package migrations
