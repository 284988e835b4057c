package store_test

import (
	"testing"

	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, storetest.SQLite)
}

func TestPostgres(t *testing.T) {
	if storetest.HavePostgres(t) {
		storetest.Run(t, storetest.Postgres)
	}
}
