package caller

import (
	"context"
	"errors"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// Quota is what the project and the member's configuration say of limits (contract §0.5); nil where
// they say nothing.
type Quota struct {
	// User and Project are units of FHIR interactions per minute, Requests requests of an address.
	User, Project, Requests *int
	// Off lifts the quotas of FHIR interactions.
	Off bool
	// Resources is how many resources the project may have.
	Resources *int
}

// configuration is the part of a UserConfiguration that is about limits.
type configuration struct {
	Option []struct {
		ID           string `json:"id"`
		ValueInteger *int   `json:"valueInteger"`
	} `json:"option"`
}

// ProjectQuota is what a project says of limits.
func ProjectQuota(project medplum.Project) Quota {
	q := Quota{
		User: project.SystemInteger("userFhirQuota"), Project: project.SystemInteger("totalFhirQuota"), Requests: project.SystemInteger("rateLimit"),
		Off: isSet(project, "enableFhirQuota", false),
	}
	if isSet(project, "enableResourceCap", true) {
		q.Resources = project.SystemInteger("resourceCap")
	}
	return q
}

// quota reads the limits of a member.
func (l *loading) quota(ctx context.Context, project medplum.Project, membership medplum.ProjectMembership) (Quota, error) {
	q := ProjectQuota(project)
	if membership.UserConfiguration == nil {
		return q, nil
	}
	resourceType, id := membership.UserConfiguration.Split()
	if resourceType != medplum.TypeUserConfiguration {
		return q, nil
	}
	var own configuration
	err := l.record(ctx, store.Ref{Project: project.ID, Type: resourceType, ID: id}, &own)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return q, err
	}
	for _, option := range own.Option {
		if option.ID == "fhirQuota" && option.ValueInteger != nil {
			q.User = option.ValueInteger
		}
	}
	return q, nil
}

func systemSetting(project medplum.Project, name string) (medplum.Setting, bool) {
	i := slices.IndexFunc(project.SystemSetting, func(s medplum.Setting) bool { return s.Name == name })
	if i < 0 {
		return medplum.Setting{}, false
	}
	return project.SystemSetting[i], true
}

func isSet(project medplum.Project, name string, to bool) bool {
	setting, ok := systemSetting(project, name)
	return ok && setting.ValueBoolean != nil && *setting.ValueBoolean == to
}
