package icure

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// pageSize is the greatest page, and the one that is given to whoever asks for none.
const pageSize = 1000

// page is iCure's PaginatedList. The next key names the first row of the next page; a page may be short
// and have one.
type page struct {
	Rows []user   `json:"rows"`
	Next *nextKey `json:"nextKeyPair,omitempty"`
}

type nextKey struct {
	StartKey string `json:"startKey"`
	ID       string `json:"startKeyDocId"`
}

func (h *Handler) page(ctx context.Context, project string, rows []admin.User, next *admin.User) (p page, err error) {
	if p.Rows, err = h.show(ctx, project, rows); err != nil || next == nil {
		return p, err
	}
	p.Next = &nextKey{next.Email, next.ID}
	if next.Email == "" {
		p.Next.StartKey = next.Login
	}
	return p, nil
}

// limitOf is how many rows the request wants. More than a page is a page: the next key leads on.
func limitOf(c echo.Context) (int, error) {
	given := c.QueryParam("limit")
	if given == "" {
		return pageSize, nil
	}
	limit, err := strconv.Atoi(given)
	if err != nil || limit < 1 {
		return 0, outcome.New(outcome.Invalid, "A limit is a positive number").At("limit")
	}
	return min(limit, pageSize), nil
}

// maxLookedThrough is how many pages are looked through for users who are no patients. After that the page
// is short.
const maxLookedThrough = 5

// list gives users in the order of their ids; startKey is told and not read, as the id says it all.
func (h *Handler) list(c echo.Context) error {
	ctx, who, project := c.Request().Context(), caller.From(c), group(c)
	limit, err := limitOf(c)
	if err != nil {
		return err
	}
	skip := c.Param("project") == "" && c.QueryParam("skipPatients") != "false"
	wanted := func(u admin.User) bool {
		_, patient := owners(u, keptOf(u))
		return !skip || patient == ""
	}
	q := admin.UserQuery{Limit: pageSize, Cursor: c.QueryParam("startDocumentId")}
	if !skip {
		q.Limit = min(limit+1, pageSize)
	}
	var rows []admin.User
	if q.Cursor != "" { // the first row itself, and then what comes after it
		first, err := h.Admin.ListUsers(ctx, who, project, admin.UserQuery{IDs: []string{q.Cursor}})
		if err != nil {
			return err
		}
		rows = slices.DeleteFunc(first.Users, func(u admin.User) bool { return !wanted(u) })
	}
	var next *admin.User
	for looked := 0; next == nil; looked++ {
		found, err := h.Admin.ListUsers(ctx, who, project, q)
		if err != nil {
			return err
		}
		for i := range found.Users {
			if u := &found.Users[i]; wanted(*u) || looked == maxLookedThrough {
				if len(rows) == limit || looked == maxLookedThrough {
					next = u
					break
				}
				rows = append(rows, *u)
			}
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			break
		}
	}
	p, err := h.page(ctx, project, rows, next)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// maxCollected is how many ids an answer without pages may hold.
const maxCollected = 10_000

// collect finds the ids of all users of a query, in their order.
func (h *Handler) collect(ctx context.Context, who caller.Caller, project string, q admin.UserQuery) ([]string, error) {
	ids := []string{}
	q.Limit = pageSize
	for {
		found, err := h.Admin.ListUsers(ctx, who, project, q)
		if err != nil {
			return nil, err
		}
		for _, u := range found.Users {
			ids = append(ids, u.ID)
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return ids, nil
		}
		if len(ids) >= maxCollected {
			return nil, outcome.New(outcome.TooCostly, "More than %d users match", maxCollected)
		}
	}
}

func (h *Handler) byHealthcarePartyID(c echo.Context) error {
	return h.ids(c, func(id string) admin.UserQuery { return admin.UserQuery{Practitioner: id} })
}

func (h *Handler) byPatientID(c echo.Context) error {
	return h.ids(c, func(id string) admin.UserQuery { return admin.UserQuery{Patient: id} })
}

func (h *Handler) ids(c echo.Context, query func(id string) admin.UserQuery) error {
	who := caller.From(c)
	id, err := web.PathParam(c, "id")
	if err != nil {
		return err
	}
	ids, err := h.collect(c.Request().Context(), who, who.Project, query(id))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, ids)
}

func (h *Handler) byIDs(c echo.Context) error {
	var in struct {
		IDs []string `json:"ids"`
	}
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	ctx, who := c.Request().Context(), caller.From(c)
	rows, err := h.read1000(ctx, who, who.Project, in.IDs)
	if err != nil {
		return err
	}
	shown, err := h.show(ctx, who.Project, rows)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, shown)
}

// read1000 reads the users with the ids, in their order; ids of nobody are left out.
func (h *Handler) read1000(ctx context.Context, who caller.Caller, project string, ids []string) ([]admin.User, error) {
	if ids == nil {
		ids = []string{}
	}
	found, err := h.Admin.ListUsers(ctx, who, project, admin.UserQuery{IDs: ids, Limit: pageSize})
	if err != nil {
		return nil, err
	}
	known := map[string]admin.User{}
	for _, u := range found.Users {
		known[u.ID] = u
	}
	rows := []admin.User{}
	for _, id := range ids {
		if u, ok := known[id]; ok {
			rows = append(rows, u)
			delete(known, id)
		}
	}
	return rows, nil
}
