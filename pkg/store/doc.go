// Package store keeps rows: versions of resources with their index rows and unique keys, and the
// relational tables of credentials, sessions, keys, audit, mail and jobs. It knows two dialects,
// SQLite and PostgreSQL, and promises the same of both; storetest holds it to that.
//
// It decides nothing about who may see what: fhir/repo and the services above do. It knows no
// FHIR beyond the shape of a key, a version and an index row.
//
//   - A write is atomic with its index rows, its history row and its unique keys.
//   - Every version but the newest is in the history, once.
//   - A version is replaced only by a write that names it.
//   - Times are milliseconds since 1970 UTC, ids are text in byte order, on both dialects.
//   - gorm and SQL live here and nowhere else.
package store
