package repo

import (
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// Which element holds the value of a setting.
var (
	aSwitch = []string{"valueBoolean"}
	aNumber = []string{"valueInteger", "valueDecimal"}
	aText   = []string{"valueString"}
)

// settingValues are the settings of a Project that Admit heeds, with the elements that may hold their value.
var settingValues = map[string]map[string][]string{
	"setting": {
		"practitionersManageUsers": aSwitch, "mfaRequired": aSwitch, "icure": aSwitch, "authing": aSwitch,
		"clientRegistration": aSwitch, "clientRegistrationScope": aText, "clientRegistrationDayLimit": aNumber[:1],
	},
	"systemSetting": {
		"enableFhirQuota": aSwitch, "enableResourceCap": aSwitch, "resourceCap": aNumber, "userFhirQuota": aNumber, "totalFhirQuota": aNumber,
		"loginRateLimit": aNumber, "authRateLimit": aNumber, "rateLimit": aNumber,
	},
}

// namedLists are the lists of a Project whose items are known by their names.
var namedLists = []string{"secret", "site", "setting", "systemSecret", "systemSetting"}

// checkNames refuses an item that has no name or the name of another before it: nobody could say which of
// the two counts.
func checkNames(doc *document.Node) error {
	for _, list := range namedLists {
		taken := map[string]bool{}
		for i, item := range doc.Get(list).Values() {
			name, path := item.Text("name"), fmt.Sprintf("Project.%s[%d].name", list, i)
			switch {
			case strings.TrimSpace(name) == "":
				return outcome.New(outcome.Invalid, "A name is required").At(path)
			case taken[name]:
				return outcome.New(outcome.Invalid, "The name %s is there twice", name).At(path)
			}
			taken[name] = true
		}
	}
	return nil
}

// checkSettings refuses a setting that Admit heeds and whose value is of another type: it would do nothing,
// and nobody would be told.
func checkSettings(doc *document.Node) error {
	for list, known := range settingValues {
		for i, setting := range doc.Get(list).Values() {
			wanted, heeded := known[setting.Text("name")]
			if heeded && !slices.ContainsFunc(wanted, func(name string) bool { return setting.Get(name) != nil }) {
				return outcome.New(outcome.Invalid, "Setting %s needs a %s", setting.Text("name"), strings.Join(wanted, " or ")).
					At(fmt.Sprintf("Project.%s[%d]", list, i))
			}
		}
	}
	return nil
}
