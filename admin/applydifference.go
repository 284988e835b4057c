package admin

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
)

// differences are the elements that two versions of a resource do not have alike. The secret of a client is in no
// stored version, and so in no difference.
func differences(resourceType string, before, after Elements) ([]FieldChange, error) {
	names := map[string]bool{}
	for _, elements := range []Elements{before, after} {
		for name := range elements {
			names[name] = !slices.Contains([]string{"meta", "id", "resourceType"}, name) && (resourceType != medplum.TypeClientApplication || name != "secret")
		}
	}
	var changed []FieldChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		same, err := sameJSON(before[name], after[name])
		if err != nil {
			return nil, err
		}
		if same {
			continue
		}
		c := FieldChange{name, shownJSON(before[name]), shownJSON(after[name])}
		if isSecretElement(resourceType, name) {
			c.Before, c.After = hiddenIn(c.Before), hiddenIn(c.After)
		}
		changed = append(changed, c)
	}
	return changed, nil
}

// isSecretElement says whether an element holds secrets, which no difference shows.
func isSecretElement(resourceType, name string) bool {
	return resourceType == medplum.TypeProject && (name == "secret" || name == "site") ||
		resourceType == medplum.TypeClientApplication && name == "identityProvider"
}

func hiddenIn(value string) string {
	if value == "" {
		return ""
	}
	return "(hidden)"
}

// sameJSON compares what is said, not how it is spelt.
func sameJSON(a, b json.RawMessage) (bool, error) {
	var values [2]any
	for i, raw := range []json.RawMessage{a, b} {
		if isEmpty(raw) {
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber() // 1.0 and 1.00 are two things in FHIR
		if err := decoder.Decode(&values[i]); err != nil {
			return false, err
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}

func shownJSON(raw json.RawMessage) string {
	var out bytes.Buffer
	if isEmpty(raw) || json.Compact(&out, raw) != nil {
		return ""
	}
	return out.String()
}
