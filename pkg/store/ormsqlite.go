package store

import (
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// ormSQLite is gorm's dialect of SQLite, as much of it as rows need: there is no AutoMigrate.
// gorm.io/driver/sqlite would link a second SQLite, in C, whose compiling alone takes a minute.
type ormSQLite struct{ conn gorm.ConnPool }

// Name implements gorm.Dialector.
func (ormSQLite) Name() string { return "sqlite" }

// Initialize implements gorm.Dialector.
func (d ormSQLite) Initialize(db *gorm.DB) error {
	db.ConnPool = d.conn
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses: []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses: []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses: []string{"DELETE", "FROM", "WHERE", "RETURNING"},
	})
	db.ClauseBuilders["LIMIT"] = limitClause
	db.ClauseBuilders["FOR"] = func(clause.Clause, clause.Builder) {} // the one writer holds every row
	return nil
}

// limitClause gives an offset the limit that SQLite wants before it.
func limitClause(c clause.Clause, builder clause.Builder) {
	limit, ok := c.Expression.(clause.Limit)
	if !ok {
		return
	}
	rows := -1
	if limit.Limit != nil && *limit.Limit >= 0 {
		rows = *limit.Limit
	}
	if rows >= 0 || limit.Offset > 0 {
		_, _ = builder.WriteString("LIMIT " + strconv.Itoa(rows)) // a Builder never fails
	}
	if limit.Offset > 0 {
		_, _ = builder.WriteString(" OFFSET " + strconv.Itoa(limit.Offset))
	}
}

// Migrator implements gorm.Dialector; the schema is not gorm's.
func (ormSQLite) Migrator(*gorm.DB) gorm.Migrator { return nil }

// DataTypeOf implements gorm.Dialector.
func (ormSQLite) DataTypeOf(field *schema.Field) string { return string(field.DataType) }

// DefaultValueOf implements gorm.Dialector.
func (ormSQLite) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

// BindVarTo implements gorm.Dialector.
func (ormSQLite) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) {
	_ = writer.WriteByte('?') // a Writer of a statement never fails
}

// QuoteTo implements gorm.Dialector.
func (ormSQLite) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString("`" + strings.ReplaceAll(strings.ReplaceAll(name, "`", "``"), ".", "`.`") + "`")
}

// Explain implements gorm.Dialector.
func (ormSQLite) Explain(query string, values ...any) string {
	return logger.ExplainSQL(query, nil, `"`, values...)
}
