package store

// Query is a search, independent of the database's dialect. fhir/search compiles to it, the
// store renders it as one SQL statement.
type Query struct {
	// Projects are the partitions searched: the caller's own first, then linked ones.
	Projects []string
	// Types are the resource types searched; several for a system search.
	Types []string
	// Where narrows; nil matches everything.
	Where Predicate
	// Visible narrows too. Where Where has a way of its own through the indexes, each row that it finds
	// is asked whether it is visible: what somebody may see is mostly far more than what they look for.
	Visible Predicate
	// Sort orders; the id is always the last key, so the order is total.
	Sort []Sort
	// After is the position of the last entry of the page before (its sort values and id).
	After []string
	// Before is the position of the first entry of the page after, instead of After: the rows next to it
	// are found, in the same order.
	Before []string
	// Limit is the greatest number of rows; Offset skips rows.
	Limit, Offset int
	// Probe has the conditions asked of each row in the order, instead of rows found by them: for a page
	// of what many rows satisfy.
	Probe bool
}

// Sort is one key of the order. Kind says which index table holds Param; the special params
// _id and _lastUpdated are columns of the resource.
type Sort struct {
	Param string
	// Also are parameters whose rows count as Param's, for one that is the union of others.
	Also []string
	Kind Kind
	Desc bool
}

// Kind is an index table.
type Kind int

// The index tables.
const (
	TokenKind Kind = iota + 1
	ReferenceKind
	StringKind
	DateKind
	QuantityKind
	URIKind
)

// Predicate is a condition on a resource. It is evaluated by SQL here and, with the same
// meaning, over the rows of one resource by fhir/search.
type Predicate interface{ predicate() }

type (
	// And holds when all of its parts do; an empty And always holds.
	And []Predicate
	// Or holds when one of its parts does; an empty Or never holds.
	Or []Predicate
	// Not holds when its part does not.
	Not struct{ Of Predicate }

	// IDIn holds for the resources with one of these ids.
	IDIn []string
	// TypeIs holds for resources of this type.
	TypeIs string
	// LastUpdated compares meta.lastUpdated with [Low, High], microseconds, by Op.
	LastUpdated struct {
		Op        Op
		Low, High int64
	}
	// Missing holds when the resource has no row of Param in the table of Kind.
	Missing struct {
		Param string
		Kind  Kind
	}

	// Token holds when a row of Param has one of Values.
	Token struct {
		Param  string
		Values []TokenValue
	}
	// Reference holds when a row of Param points at one of Values.
	Reference struct {
		Param  string
		Values []ReferenceValue
	}
	// String holds when a row of Param matches Value (already folded unless Match is Exact).
	String struct {
		Param string
		Match StringMatch
		Value string
		// Folded, for an Exact match, is Value folded: the index holds folded strings only.
		// Without it every row of Param is looked at.
		Folded string
	}
	// Date holds when the interval of a row of Param compares so with [Low, High].
	Date struct {
		Param     string
		Op        Op
		Low, High int64
	}
	// Quantity holds when a row of Param compares so with [Low, High] (sortable decimals as in
	// QuantityRow). A nil System or Code is not compared; Unit, when set, matches code or unit.
	Quantity struct {
		Param        string
		Op           Op
		Low, High    string
		System, Code *string
		Unit         *string
	}
	// Span holds when of one row of Param in the table of quantities the low end compares so with
	// Start and the high end with End, each as a number of its own. Only Op, Low and High of them
	// count.
	Span struct {
		Param      string
		Start, End Quantity
	}
	// URI holds when a row of Param matches Value.
	URI struct {
		Param string
		Match URIMatch
		Value string
	}
	// Chain holds when a row of Param points at a resource of Type, within the query's
	// projects, for which Of holds.
	Chain struct {
		Param string
		Type  string
		Of    Predicate
	}
	// Has holds when a resource of Type, within the query's projects, points with Param at this
	// one and Of holds for it (reverse chaining).
	Has struct {
		Type  string
		Param string
		Of    Predicate
	}
)

// TokenValue is one accepted token. A nil System accepts any, a nil Code accepts any.
type TokenValue struct{ System, Code *string }

// ReferenceValue is one accepted target: Type and ID, or ID alone (any type), or URL.
type ReferenceValue struct{ Type, ID, URL string }

// StringMatch says how a string is compared.
type StringMatch int

// How strings compare (R4 search.html#string).
const (
	StartsWith StringMatch = iota
	Contains
	Exact
	Equal    // whole, folded
	EndsWith // folded
)

// URIMatch says how a uri is compared (R4 search.html#uri).
type URIMatch int

// How uris compare.
const (
	URIExact URIMatch = iota
	URIBelow          // rows that begin with the value
	URIAbove          // rows that the value begins with
)

// Op is a prefix of R4 search.html#prefix.
type Op string

// The prefixes. On intervals: Eq the row lies within the value, Ne not, Gt the row ends after
// the value's end, Lt begins before its begin, Ge and Le those or Eq, Sa begins after its end,
// Eb ends before its begin, Ap overlaps.
const (
	Eq Op = "eq"
	Ne Op = "ne"
	Gt Op = "gt"
	Lt Op = "lt"
	Ge Op = "ge"
	Le Op = "le"
	Sa Op = "sa"
	Eb Op = "eb"
	Ap Op = "ap"
)

func (And) predicate()         {}
func (Or) predicate()          {}
func (Not) predicate()         {}
func (IDIn) predicate()        {}
func (TypeIs) predicate()      {}
func (LastUpdated) predicate() {}
func (Missing) predicate()     {}
func (Token) predicate()       {}
func (Reference) predicate()   {}
func (String) predicate()      {}
func (Date) predicate()        {}
func (Quantity) predicate()    {}
func (Span) predicate()        {}
func (URI) predicate()         {}
func (Chain) predicate()       {}
func (Has) predicate()         {}
