package store

import "time"

// SystemProject is the partition of resources that belong to no project: server-scoped Users and
// Projects themselves.
const SystemProject = "00000000-0000-0000-0000-000000000000"

// Ref is the primary key of a resource.
type Ref struct{ Project, Type, ID string }

// Resource is one version of a resource.
type Resource struct {
	Ref
	Version     string
	LastUpdated time.Time // UTC, to the millisecond
	Deleted     bool
	// Content is the JSON that is served, byte for byte. It begins
	// {"resourceType":"…","id":"…","meta":{"versionId": … so that Meta can be spliced in.
	Content []byte
	// Meta is the JSON members (without braces) that only extended answers show in meta:
	// "project", "author", "compartment", "account".
	Meta []byte
}

// Write is one change of one resource: the new version, its index rows and its unique keys.
type Write struct {
	Resource
	// Replaces is the version that this one replaces; empty for a create.
	// A mismatch is ErrVersion, an id that exists already on create is ErrExists.
	Replaces string
	Index    Index
	// Generation is that of the project's parameters by which Index is made; when there is a later one
	// the write fails with ErrGeneration.
	Generation int64
	// Keys are claimed for this resource; those it held before and that are not named are released.
	// A key that another resource holds is a *KeyConflict.
	Keys []Key
	// Audit, when set, is recorded if the write is done.
	Audit *AuditEvent
}

// Key is a value that at most one resource may hold within its scope.
type Key struct {
	Scope string // a project id or SystemProject
	Kind  string // "User.email", "ProjectMembership.externalId", …
	Value string
}

// Index is the rows of one resource in the index tables.
type Index struct {
	Token     []TokenRow
	Reference []ReferenceRow
	String    []StringRow
	Date      []DateRow
	Quantity  []QuantityRow
	URI       []URIRow
}

// TokenRow is a token as R4 search.html#token compares it. An absent system is "".
type TokenRow struct{ Param, System, Code string }

// ReferenceRow is a reference. A local one has TargetType and TargetID; any other has only URL
// (absolute, urn:, canonical or #contained). Newest is the store's own: see timeline.
type ReferenceRow struct {
	Param, TargetType, TargetID, URL string
	Newest                           int64
}

// StringRow holds a string folded for comparison (lower case, without accents, spaces collapsed)
// and as it is written.
type StringRow struct{ Param, Folded, Exact string }

// DateRow is the closed interval that a date, dateTime, instant, Period or Timing covers, in
// microseconds since 1970 UTC; an open end is MinDate or MaxDate.
type DateRow struct {
	Param     string
	Low, High int64
}

// The ends of time, as open ends of a Period are stored.
const (
	MinDate int64 = -1 << 62
	MaxDate int64 = 1 << 62
)

// QuantityRow is a number or quantity. Low and High are the least and the greatest number that it
// stands for (Value itself but for a Range or a comparator), as text whose byte order is the
// numeric order (package index makes it). System and Code are the
// unit's, empty for a plain number; Unit is the unit as written.
type QuantityRow struct{ Param, System, Code, Unit, Value, Low, High string }

// URIRow is a uri, compared byte by byte.
type URIRow struct{ Param, URI string }
