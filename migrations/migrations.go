package migrations

import "embed"

// Files are the two folders, postgres and sqlite.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
