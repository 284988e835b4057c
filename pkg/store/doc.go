// Package store keeps rows: versions of resources with their index rows and unique keys, and the
// relational tables of credentials, sessions, keys, audit, mail and jobs. It knows two dialects,
// SQLite and PostgreSQL, and promises the same of both; storetest holds it to that.
//
// It decides nothing about who may see what: fhir/repo and the services above do. It knows no
// FHIR beyond the shape of a key, a version and an index row.
//
//   - A write is atomic with its index rows, its history row and its unique keys.
//   - Every version but the newest is in the history, once.
//   - A version is replaced only by a write that names it, and only by a later one.
//   - Times are milliseconds since 1970 UTC, ids are text in byte order, on both dialects.
//   - What a value in an index or key cannot be on one dialect (NUL, broken UTF-8) it is on
//     neither: it is replaced by U+FFFD in rows and in queries alike.
//   - gorm and SQL live here and nowhere else.
//
// # How a write goes
//
// On PostgreSQL a write of one resource without keys is one statement, hence one round trip and
// one transaction: data-modifying CTEs that all hang on the compare-and-set of the version. On
// SQLite every write goes through the one writer, which lets the transactions that wait share a
// commit: each runs in a savepoint of its own.
//
// # How a read goes
//
// One statement. On PostgreSQL it goes to pgx without database/sql between (direct). Reads that meet each
// other go together (gather): those by key without a condition share a statement, other reads by key and
// searches by a kept plan, which look at a bounded number of rows, a pipeline (eachBounded): a round trip
// costs more than the rows. Such a read cannot be cancelled by itself; it ends after ten seconds at the latest.
//
// # How a table is added
//
// One file per table, with a migration for both dialects in package migrations. Reads are methods
// of reader, so that they exist on *Store and on *Tx; writes are methods of *Tx. Both reach gorm
// with r.gorm(ctx), which is the read pool or the transaction:
//
//	type loginRow struct{ ID, ProjectID string; CreatedAt int64 } // + func (loginRow) TableName() string
//
//	func (r reader) Login(ctx context.Context, id string) (Login, error) {
//		var row loginRow
//		err := r.gorm(ctx).Where("id = ?", id).Take(&row).Error
//		if errors.Is(err, gorm.ErrRecordNotFound) {
//			return Login{}, ErrNotFound
//		}
//		…
//	}
//
//	func (tx *Tx) CreateLogin(ctx context.Context, l Login) error {
//		return tx.gorm(ctx).Create(&loginRow{…}).Error
//	}
//
// uniqueViolation(err) tells a broken unique index from other failures. Where gorm is too slow a
// file may use first or each on r.q with $1-numbered SQL passed through r.dialect.text.
package store
