package main

import "slices"

// compartmentRow says by which search parameters resources of a type belong to a compartment.
type compartmentRow struct {
	Compartment string   `json:"c"`
	Type        string   `json:"t"`
	Params      []string `json:"p"`
}

// compartments are HL7's, with what Medplum adds to the Patient's: a patient's Tasks.
func (s *source) compartments() []compartmentRow {
	var out []compartmentRow
	for _, def := range s.compartmentDefs {
		for _, r := range def.Resource {
			if len(r.Param) > 0 {
				out = append(out, compartmentRow{def.Code, r.Code, r.Param})
			}
		}
	}
	for _, r := range s.medplumPatient.Resource {
		known := slices.ContainsFunc(out, func(o compartmentRow) bool { return o.Compartment == "Patient" && o.Type == r.Code })
		if len(r.Param) > 0 && !known {
			out = append(out, compartmentRow{"Patient", r.Code, r.Param})
		}
	}
	slices.SortFunc(out, func(a, b compartmentRow) int {
		return slices.Compare([]string{a.Compartment, a.Type}, []string{b.Compartment, b.Type})
	})
	return out
}
