package repo

import (
	"context"
	"time"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// draft is a version on its way into the store.
type draft struct {
	ref   store.Ref
	doc   *document.Node // whole
	open  *document.Node // as it is stored: doc itself, unless secrets were taken out
	at    time.Time
	index store.Index
	// generation is that of the project's parameters by which index is made.
	generation int64
	custom     []index.Param
	meta       []byte
	hidden     []string // elements that were put back because the caller does not see them
}

// stamp gives a client's document its identity and indexes it.
func (a *access) stamp(ctx context.Context, doc *document.Node, ref store.Ref, version string, at time.Time) (draft, error) {
	set, err := a.parametersOf(ctx, ref.Project)
	if err != nil {
		return draft{}, err
	}
	d := draft{ref: ref, at: at}
	d.doc = document.Stamp(doc, document.Identity{Type: ref.Type, ID: ref.ID, Version: version, LastUpdated: at})
	if d.open, err = open(ref.Type, d.doc); err != nil {
		return draft{}, err
	}
	accounts := references(d.doc.Find("meta", "accounts"))
	compartments := compartmentRows(d.doc, ref, accounts)
	d.custom, d.generation = set.of(ref.Type)
	d.index = rowsOf(d.open, ref.Type, compartments, d.custom...)
	d.meta = a.fragment(ref, accounts, compartments)
	return d, nil
}

// rowsOf are the index rows of a stored document.
func rowsOf(doc *document.Node, resourceType string, compartments []store.ReferenceRow, custom ...index.Param) store.Index {
	rows := index.Extract(doc, resourceType, custom...)
	rows.Reference = append(rows.Reference, compartments...)
	if resourceType == "Patient" {
		rows.Reference = append(rows.Reference, accountRows(doc)...)
	}
	if resourceType == medplum.TypeProjectMembership {
		member := memberRows(doc)
		rows.Token = append(rows.Token, member.Token...)
		rows.Reference = append(rows.Reference, member.Reference...)
		rows.String = append(rows.String, member.String...)
	}
	return rows
}

// compartmentRows are the compartments of a resource: its project, its accounts and those of the
// compartment definitions.
func compartmentRows(doc *document.Node, ref store.Ref, accounts []medplum.Reference) []store.ReferenceRow {
	seen := map[store.ReferenceRow]bool{}
	var rows []store.ReferenceRow
	add := func(row store.ReferenceRow) {
		row.Param = index.CompartmentParam
		if row.TargetID != "" && !seen[row] {
			seen[row] = true
			rows = append(rows, row)
		}
	}
	if ref.Project != store.SystemProject {
		add(store.ReferenceRow{TargetType: medplum.TypeProject, TargetID: ref.Project})
	}
	for _, account := range accounts {
		resourceType, id := account.Split()
		add(store.ReferenceRow{TargetType: resourceType, TargetID: id})
	}
	for _, row := range index.Compartments(doc, ref.Type) {
		add(row)
	}
	return rows
}

// maxIndexRows is how many index rows one resource may have; a megabyte of the longest lists that
// mean something, the members of a Group, stays below. Each row is written while others wait.
const maxIndexRows = 1 << 15

// mustBeIndexable refuses a resource that would take the database for itself. What is hidden from the
// caller does not count: how much room is left would tell how much it is.
func (d draft) mustBeIndexable() error {
	if indexRows(d.index) <= maxIndexRows {
		return nil
	}
	if len(d.hidden) > 0 {
		seen, err := drop(d.open, pathsOf(d.hidden))
		if err != nil {
			return err
		}
		if indexRows(rowsOf(seen, d.ref.Type, nil, d.custom...)) <= maxIndexRows {
			return nil
		}
	}
	return outcome.New(outcome.TooLong, "A resource may have at most %d searchable values", maxIndexRows)
}

func indexRows(ix store.Index) int {
	return len(ix.Token) + len(ix.Reference) + len(ix.String) + len(ix.Date) + len(ix.Quantity) + len(ix.URI)
}

// references reads an array of References.
func references(n *document.Node) []medplum.Reference {
	var refs []medplum.Reference
	for _, item := range n.Values() {
		refs = append(refs, medplum.Reference{Reference: item.Text("reference"), Display: item.Text("display")})
	}
	return refs
}

// fragment is the members of meta that only extended answers show.
func (a *access) fragment(ref store.Ref, accounts []medplum.Reference, compartments []store.ReferenceRow) []byte {
	shown := extendedMeta{Author: a.author()}
	if ref.Project != store.SystemProject {
		shown.Project = ref.Project
	}
	if len(accounts) > 0 {
		shown.Account = &accounts[0]
	}
	for _, row := range compartments {
		shown.Compartment = append(shown.Compartment, medplum.RefTo(row.TargetType, row.TargetID, ""))
	}
	return shown.members()
}

// extendedMeta is the order and spelling of those members.
type extendedMeta struct {
	Project     string              `json:"project,omitempty"`
	Author      medplum.Reference   `json:"author,omitzero"`
	Account     *medplum.Reference  `json:"account,omitempty"`
	Compartment []medplum.Reference `json:"compartment,omitempty"`
}

func (m extendedMeta) members() []byte {
	raw, err := marshal(m)
	if err != nil {
		return nil // strings always marshal
	}
	return raw[1 : len(raw)-1]
}

// author is who the version is by: the profile of the caller or administrator, or the system.
func (a *access) author() medplum.Reference {
	if a.who.Profile.Reference == "" {
		return medplum.Reference{Reference: "system"}
	}
	return a.who.Profile
}

// write is the draft as the store takes it.
func (d draft) write(version, replaces string) store.Write {
	return store.Write{
		Resource: store.Resource{
			Ref: d.ref, Version: version, LastUpdated: d.at, Content: d.open.Raw, Meta: d.meta,
		},
		Replaces:   replaces,
		Index:      d.index,
		Generation: d.generation,
		Keys:       d.keys(),
	}
}
