//go:build !linux

package storetest

// memory is the usual place of temporary files.
func memory() string { return "" }
