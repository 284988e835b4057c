package definitions

// IsResource says whether name is a concrete resource type, HL7's or Medplum's.
func IsResource(name string) bool { return false }

// ResourceTypes are the concrete resource types, sorted.
func ResourceTypes() []string { return nil }

// StructureOf is the definition of a resource type, data type or backbone element.
func StructureOf(name string) *Structure { return nil }

// Property finds what a member name of JSON means in the structure.
func (s *Structure) Property(name string) (Property, bool) { p, ok := s.byName[name]; return p, ok }

// SearchParams are the search parameters of a resource type, those of every type included, by code.
func SearchParams(resourceType string) []*SearchParam { return nil }

// SearchParamOf is one of them.
func SearchParamOf(resourceType, code string) (*SearchParam, bool) { return nil, false }

// Compartment are the params that put a resource of resourceType into a compartment ("Patient",
// "Practitioner", …); ok is false when the compartment never holds that type. The code "{def}"
// stands for the resource itself.
func Compartment(compartment, resourceType string) (params []string, ok bool) { return nil, false }

// Compartments are the compartment types: Device, Encounter, Patient, Practitioner, RelatedPerson.
func Compartments() []string { return nil }

// Codes are the codes of a value set with a required binding; ok is false when the set cannot be
// listed (currencies, units, media types).
func Codes(valueSet string) (codes map[string]bool, ok bool) { return nil, false }
