package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Stamp is a time as the relational tables keep it: unix milliseconds.
type Stamp struct{ time.Time }

// At is the Stamp of a time.
func At(t time.Time) Stamp { return Stamp{t.UTC().Truncate(time.Millisecond)} }

// Value implements driver.Valuer. The zero time is 0.
func (s Stamp) Value() (driver.Value, error) {
	if s.IsZero() {
		return int64(0), nil
	}
	return s.UnixMilli(), nil
}

// Scan implements sql.Scanner.
func (s *Stamp) Scan(value any) error {
	milliseconds, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a stamp is a number, not %T", value)
	}
	*s = Stamp{}
	if milliseconds != 0 {
		s.Time = time.UnixMilli(milliseconds).UTC()
	}
	return nil
}

// GormDataType implements gorm's schema.GormDataTypeInterface; without it gorm would take the
// embedded time for a column of its own.
func (Stamp) GormDataType() string { return "bigint" }
