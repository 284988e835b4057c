//go:build !unix

package storetest

import "errors"

var errOther = errors.New("on this system ADMIT_TEST_POSTGRES_URL must name a PostgreSQL server")

func findPrograms() (string, error) { return "", errOther }

func startCluster() (string, error) { return "", errOther }
