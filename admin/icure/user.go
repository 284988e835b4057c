package icure

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/clock"
)

// user is iCure's UserDto as it is answered. Cardinal refuses an unknown key, and null where a list or a
// map is due.
type user struct {
	ID                   string              `json:"id"`
	Rev                  string              `json:"rev"`
	Created              int64               `json:"created,omitempty"` // milliseconds
	Name                 string              `json:"name,omitempty"`
	Login                string              `json:"login,omitempty"`
	Email                string              `json:"email,omitempty"`
	MobilePhone          string              `json:"mobilePhone,omitempty"`
	Type                 string              `json:"type,omitempty"`
	Status               string              `json:"status"`
	GroupID              string              `json:"groupId"`
	HealthcarePartyID    string              `json:"healthcarePartyId,omitempty"`
	PatientID            string              `json:"patientId,omitempty"`
	DeviceID             string              `json:"deviceId,omitempty"`
	TermsOfUseDate       int64               `json:"termsOfUseDate,omitempty"`
	Properties           []property          `json:"properties"`
	Roles                []string            `json:"roles"`
	Permissions          []string            `json:"permissions"` // always empty
	AutoDelegations      map[string][]string `json:"autoDelegations"`
	ApplicationTokens    map[string]string   `json:"applicationTokens"` // always empty
	AuthenticationTokens map[string]token    `json:"authenticationTokens"`
	Identifier           []json.RawMessage   `json:"identifier"`
	SystemMetadata       *systemMetadata     `json:"systemMetadata,omitempty"`
}

// token is a named token without its value.
type token struct {
	CreationTime int64 `json:"creationTime"` // milliseconds
	Validity     int64 `json:"validity"`     // seconds
}

// systemMetadata is what the server itself makes of a user.
type systemMetadata struct {
	Roles         []string `json:"roles"`
	IsAdmin       bool     `json:"isAdmin"`
	InheritsRoles bool     `json:"inheritsRoles"`
}

// The states of a user.
const (
	statusActive      = "ACTIVE"
	statusDisabled    = "DISABLED"
	statusRegistering = "REGISTERING"
)

// keptName is where a user's custom data holds kept.
const keptName = "icure"

// kept is what Admit has no home for.
type kept struct {
	Writes          int                 `json:"writes"` // by this dialect
	Created         int64               `json:"created,omitempty"`
	Type            string              `json:"type,omitempty"`
	Registering     bool                `json:"registering,omitempty"`
	DeviceID        string              `json:"deviceId,omitempty"`
	PatientID       string              `json:"patientId,omitempty"` // of a user whose profile is a Practitioner
	NoOwner         bool                `json:"noOwner,omitempty"`   // the profile is there because a member has one
	TermsOfUseDate  int64               `json:"termsOfUseDate,omitempty"`
	Properties      []property          `json:"properties,omitempty"`
	Roles           []string            `json:"roles,omitempty"`
	AutoDelegations map[string][]string `json:"autoDelegations,omitempty"`
	Identifier      []json.RawMessage   `json:"identifier,omitempty"`
}

// keptOf is what a user keeps. Custom data that somebody else has written there says nothing.
func keptOf(u admin.User) (k kept) {
	if json.Unmarshal(u.CustomData[keptName], &k) != nil {
		return kept{}
	}
	return k
}

// custom is kept as custom data, with one write more.
func (k kept) custom() (map[string]json.RawMessage, error) {
	k.Writes++
	raw, err := json.Marshal(k)
	return map[string]json.RawMessage{keptName: raw}, err
}

// show describes users of a project.
func (h *Handler) show(ctx context.Context, project string, users []admin.User) ([]user, error) {
	tokens, err := h.Admin.TokensOf(ctx, project, users)
	if err != nil {
		return nil, err
	}
	shown := make([]user, len(users))
	for i, u := range users {
		shown[i] = describeUser(project, u, tokens[u.ID])
	}
	return shown, nil
}

func describeUser(project string, u admin.User, tokens []admin.NamedToken) user {
	k := keptOf(u)
	shown := user{
		ID: u.ID, Rev: revOf(u), Created: createdOf(u, k), Name: u.Name, Login: loginOf(u), Email: u.Email, MobilePhone: u.Phone,
		Type: k.Type, Status: statusActive, GroupID: project, DeviceID: k.DeviceID, TermsOfUseDate: k.TermsOfUseDate,
		Properties: orEmpty(k.Properties), Roles: orEmpty(k.Roles), Permissions: []string{}, Identifier: orEmpty(k.Identifier),
		AutoDelegations: k.AutoDelegations, ApplicationTokens: map[string]string{}, AuthenticationTokens: map[string]token{},
		SystemMetadata: &systemMetadata{Roles: []string{}, IsAdmin: u.Admin},
	}
	if shown.AutoDelegations == nil {
		shown.AutoDelegations = map[string][]string{}
	}
	switch {
	case u.Status == admin.StatusBlocked && k.Registering:
		shown.Status = statusRegistering
	case u.Status == admin.StatusBlocked:
		shown.Status = statusDisabled
	}
	shown.HealthcarePartyID, shown.PatientID = owners(u, k)
	for _, role := range u.Roles {
		shown.SystemMetadata.Roles = append(shown.SystemMetadata.Roles, role.Name)
	}
	for _, t := range tokens {
		shown.AuthenticationTokens[t.Key] = token{t.CreatedAt.UnixMilli(), int64(t.ExpiresAt.Sub(t.CreatedAt) / time.Second)}
	}
	return shown
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// owners are the ids of a user's data owners.
func owners(u admin.User, k kept) (practitioner, patient string) {
	if k.NoOwner {
		return "", ""
	}
	switch profileType, id := u.Profile.Split(); profileType {
	case "Practitioner":
		return id, k.PatientID
	case "Patient":
		return "", id
	}
	return "", ""
}

// loginOf is the login, or of who has none what they sign in with.
func loginOf(u admin.User) string { return cmp.Or(u.Login, u.Email, u.Phone) }

// createdOf is when a user was made: as its client has said, else as its id does (RFC 9562 §5.7).
func createdOf(u admin.User, k kept) int64 {
	if k.Created != 0 {
		return k.Created
	}
	if at, ok := clock.Of(u.ID); ok {
		return at.UnixMilli()
	}
	return 0
}

const uuidDigits = 32

// revOf names the version of a user as CouchDB names one.
func revOf(u admin.User) string { return rev(keptOf(u).Writes, u.Version) }

func rev(writes int, version string) string {
	return strconv.Itoa(max(1, writes)) + "-" + strings.ReplaceAll(version, "-", "")
}

// versionOf is the version that a rev names; one that names none is nobody's.
func versionOf(rev string) string {
	_, digits, _ := strings.Cut(rev, "-")
	if _, err := hex.DecodeString(digits); err != nil || len(digits) != uuidDigits {
		return unknownVersion
	}
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
}

const unknownVersion = "none"
