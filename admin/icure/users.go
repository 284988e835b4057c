package icure

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// isOwn says whether an id is that of the caller's own user.
func isOwn(who caller.Caller, project, id string) bool {
	return project == who.Project && who.Membership.Reference == medplum.TypeProjectMembership+"/"+id
}

// find reads a user of a project: anybody their own, managers every one.
func (h *Handler) find(ctx context.Context, who caller.Caller, project, id string) (admin.User, error) {
	if isOwn(who, project, id) {
		return h.Admin.OwnUser(ctx, who)
	}
	return h.Admin.ReadUser(ctx, who, project, id)
}

// answer writes a user.
func (h *Handler) answer(c echo.Context, project string, u admin.User, err error) error {
	if err != nil {
		return err
	}
	shown, err := h.show(c.Request().Context(), project, []admin.User{u})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown[0])
}

func (h *Handler) create(c echo.Context) error {
	in, err := readUser(c)
	if err != nil {
		return err
	}
	if in.Rev != "" {
		return outcome.New(outcome.Invalid, "A user with a rev is modified by PUT").At("rev")
	}
	draft, err := in.draft(h.Clock.Now().UnixMilli())
	if err != nil {
		return err
	}
	made, err := h.Admin.CreateUser(c.Request().Context(), caller.From(c), group(c), draft)
	return h.answer(c, group(c), made, err)
}

func (h *Handler) current(c echo.Context) error {
	who := caller.From(c)
	u, err := h.Admin.OwnUser(c.Request().Context(), who)
	return h.answer(c, who.Project, u, err)
}

func (h *Handler) read(c echo.Context) error {
	u, err := h.find(c.Request().Context(), caller.From(c), group(c), c.Param("user"))
	return h.answer(c, group(c), u, err)
}

func (h *Handler) modify(c echo.Context) error {
	in, err := readUser(c)
	if err != nil {
		return err
	}
	ctx, who, project := c.Request().Context(), caller.From(c), group(c)
	u, err := h.find(ctx, who, project, in.ID)
	switch {
	case err != nil:
		return err
	case in.Rev != revOf(u):
		return message(c, http.StatusConflict, "Outdated revision for user "+u.ID)
	}
	var changed admin.User
	if isOwn(who, project, u.ID) && !who.ProjectAdmin() {
		changed, err = h.modifyOwn(ctx, who, u, in)
	} else {
		var edit admin.UserEdit
		if edit, err = in.edit(u); err == nil {
			changed, err = h.Admin.EditUser(ctx, who, project, u.ID, u.Version, edit)
		}
	}
	return h.answer(c, project, changed, err)
}

func (h *Handler) modifyOwn(ctx context.Context, who caller.Caller, u admin.User, in writtenUser) (admin.User, error) {
	if err := in.onlyOwn(u); err != nil {
		return admin.User{}, err
	}
	custom, err := in.keeps(keptOf(u)).custom()
	if err != nil {
		return admin.User{}, err
	}
	return h.Admin.UpdateOwnUser(ctx, who, u.Version, custom)
}

// maxTries is how often a change without a rev is tried while others are faster.
const maxTries = 5

// modifyProperties replaces the properties that are sent, by their names; others stay.
func (h *Handler) modifyProperties(c echo.Context) error {
	var properties []property
	if err := web.ReadJSON(c, &properties); err != nil {
		return err
	}
	ctx, who, id := c.Request().Context(), caller.From(c), c.Param("user")
	for try := 1; ; try++ {
		u, err := h.find(ctx, who, who.Project, id)
		if err != nil {
			return err
		}
		k := keptOf(u)
		k.Properties = merged(k.Properties, properties)
		custom, err := k.custom()
		if err != nil {
			return err
		}
		if isOwn(who, who.Project, id) {
			u, err = h.Admin.UpdateOwnUser(ctx, who, u.Version, custom)
		} else {
			u, err = h.Admin.EditUser(ctx, who, who.Project, id, u.Version, admin.UserEdit{UserFields: admin.UserFields{CustomData: custom}})
		}
		if !outcome.Has(err, outcome.PreconditionFailed) || try == maxTries {
			return h.answer(c, who.Project, u, err)
		}
	}
}

func merged(stored, given []property) []property {
	at := map[string]int{}
	var all []property
	for _, p := range append(append([]property(nil), stored...), given...) {
		if i, known := at[p.name]; known {
			all[i] = p
			continue
		}
		at[p.name] = len(all)
		all = append(all, p)
	}
	return all
}

func (h *Handler) assignHealthcareParty(c echo.Context) error {
	ctx, who := c.Request().Context(), caller.From(c)
	u, err := h.Admin.OwnUser(ctx, who)
	if err != nil {
		return err
	}
	id, err := web.PathParam(c, "hcp")
	if err != nil {
		return err
	}
	if practitioner, _ := owners(u, keptOf(u)); practitioner != id {
		profile := medplum.RefTo("Practitioner", id, "")
		u, err = h.Admin.EditUser(ctx, who, who.Project, u.ID, u.Version, admin.UserEdit{Profile: &profile})
	}
	return h.answer(c, who.Project, u, err)
}

// removed is what is left of a user that was deleted.
type removed struct {
	ID  string `json:"id"`
	Rev string `json:"rev"`
}

func (h *Handler) delete(c echo.Context) error {
	ctx, who, project := c.Request().Context(), caller.From(c), group(c)
	u, err := h.Admin.ReadUser(ctx, who, project, c.Param("user"))
	if err != nil {
		return err
	}
	if rev := c.QueryParam("rev"); rev != "" && rev != revOf(u) {
		return outcome.New(outcome.PreconditionFailed, "")
	}
	gone, err := h.Admin.DeleteUserTelling(ctx, who, project, u.ID, u.Version)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, removed{u.ID, rev(keptOf(u).Writes+1, gone)})
}

// revOfDeleted is the version of a deleted user that the request names.
func revOfDeleted(c echo.Context) (rev, version string, err error) {
	if rev = c.QueryParam("rev"); rev == "" {
		return "", "", outcome.New(outcome.Invalid, "The rev that the deletion gave is required").At("rev")
	}
	return rev, versionOf(rev), nil
}

func (h *Handler) undelete(c echo.Context) error {
	_, version, err := revOfDeleted(c)
	if err != nil {
		return err
	}
	who := caller.From(c)
	u, err := h.Admin.UndeleteUserVersion(c.Request().Context(), who, who.Project, c.Param("user"), version)
	return h.answer(c, who.Project, u, err)
}

func (h *Handler) purge(c echo.Context) error {
	rev, version, err := revOfDeleted(c)
	if err != nil {
		return err
	}
	who := caller.From(c)
	if err := h.Admin.PurgeUserVersion(c.Request().Context(), who, who.Project, c.Param("user"), version); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, removed{c.Param("user"), rev})
}

// named finds the user of a name: an address, a login, a phone number or an id.
func (h *Handler) named(ctx context.Context, who caller.Caller, project, name string) (admin.User, error) {
	names := []admin.UserName{{Login: name}, {Phone: name}}
	if strings.Contains(name, "@") {
		names = append([]admin.UserName{{Email: name}}, names...)
	}
	for _, by := range names {
		u, err := h.Admin.FindUser(ctx, who, project, by)
		if !outcome.Has(err, outcome.NotFound) && !outcome.Has(err, outcome.Invalid) {
			return u, err
		}
	}
	if !isGroup(name) { // an id is a UUID, as a group's is
		return admin.User{}, outcome.New(outcome.NotFound, "")
	}
	return h.Admin.ReadUser(ctx, who, project, name)
}

func (h *Handler) byEmail(c echo.Context) error {
	who := caller.From(c)
	name, err := web.PathParam(c, "email")
	if err != nil {
		return err
	}
	u, err := h.named(c.Request().Context(), who, who.Project, name)
	return h.answer(c, who.Project, u, err)
}

func (h *Handler) byPhoneNumber(c echo.Context) error {
	who := caller.From(c)
	phone, err := web.PathParam(c, "phone")
	if err != nil {
		return err
	}
	u, err := h.Admin.FindUser(c.Request().Context(), who, who.Project, admin.UserName{Phone: phone})
	return h.answer(c, who.Project, u, err)
}

func (h *Handler) session(c echo.Context) error {
	who := caller.From(c)
	if who.LoginID == "" {
		return text(c, strings.TrimPrefix(who.Membership.Reference, medplum.TypeProjectMembership+"/"))
	}
	return text(c, who.LoginID)
}

// userGroup is one of the caller's users, with its group.
type userGroup struct {
	GroupID           string   `json:"groupId"`
	GroupName         string   `json:"groupName,omitempty"`
	GroupsHierarchy   []string `json:"groupsHierarchy"`
	UserID            string   `json:"userId"`
	Login             string   `json:"login,omitempty"`
	Name              string   `json:"name,omitempty"`
	Email             string   `json:"email,omitempty"`
	Phone             string   `json:"phone,omitempty"`
	PatientID         string   `json:"patientId,omitempty"`
	HealthcarePartyID string   `json:"healthcarePartyId,omitempty"`
	DeviceID          string   `json:"deviceId,omitempty"`
}

func (h *Handler) matches(c echo.Context) error {
	found, err := h.People.Matches(c.Request().Context(), admin.DialectICure, caller.From(c))
	if err != nil {
		return err
	}
	all := make([]userGroup, len(found))
	for i, m := range found {
		u := describeUser(m.Project, m.User, nil)
		all[i] = userGroup{
			GroupID: m.Project, GroupName: m.ProjectName, GroupsHierarchy: []string{}, UserID: u.ID, Login: u.Login, Name: u.Name,
			Email: u.Email, Phone: u.MobilePhone, PatientID: u.PatientID, HealthcarePartyID: u.HealthcarePartyID, DeviceID: u.DeviceID,
		}
	}
	return c.JSON(http.StatusOK, all)
}
