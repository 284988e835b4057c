// Command admit serves FHIR R4 and the identities that may use it. Everything is in package app.
package main

import (
	"os"

	"github.com/admitdev/admit/cmd/admit/app"
)

// version is set by the linker for releases.
var version string

func main() { os.Exit(app.Main(version, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }
