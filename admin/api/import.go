package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// mountImports adds the routes by which whole lists of people are invited.
func (h *Handler) mountImports(p *echo.Group) {
	p.GET("/invitations/import", h.imports)
	p.POST("/invitations/import", h.uploadImport)
	p.GET("/invitations/import/:import", h.readImport)
	p.GET("/invitations/import/:import/report", h.reportImport)
	p.GET("/invitations/import/:import/events", h.watchImport)
	p.POST("/invitations/import/:import/apply", h.startImport(h.Admin.ApplyImport))
	p.POST("/invitations/import/:import/undo", h.startImport(h.Admin.UndoImport))
}

func (h *Handler) uploadImport(c echo.Context) error {
	request := c.Request()
	if encoding := request.Header.Get(echo.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return outcome.New(outcome.UnsupportedMedia, "The body must not be compressed")
	}
	body := http.MaxBytesReader(c.Response().Writer, request.Body, admin.MaxImport)
	made, fresh, err := h.Admin.UploadImport(request.Context(), caller.From(c), c.Param("project"), request.Header.Get(echo.HeaderContentType), body)
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	return answer(c, status, made, err)
}

func (h *Handler) imports(c echo.Context) error {
	n, err := limit(c, 100)
	if err != nil {
		return err
	}
	page, err := h.Admin.Imports(c.Request().Context(), caller.From(c), c.Param("project"), c.QueryParam("cursor"), n)
	return answer(c, http.StatusOK, page, err)
}

func (h *Handler) readImport(c echo.Context) error {
	in, err := h.Admin.ReadImport(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("import"))
	return answer(c, http.StatusOK, in, err)
}

// starter has an import applied or undone.
type starter func(ctx context.Context, who caller.Caller, project, id string) (admin.Import, error)

func (h *Handler) startImport(start starter) echo.HandlerFunc {
	return func(c echo.Context) error {
		in, err := start(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("import"))
		return answer(c, http.StatusAccepted, in, err)
	}
}

func (h *Handler) reportImport(c echo.Context) error {
	format := c.QueryParam("format")
	if format == "" {
		format = "csv"
	}
	report, err := h.Admin.ReportImport(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("import"), format)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, report.ContentType)
	header.Set(echo.HeaderContentDisposition, `attachment; filename="`+report.Name+`"`)
	c.Response().WriteHeader(http.StatusOK)
	return report.Send(c.Response())
}

// How progress is sent (HTML, server-sent events).
const (
	lookEvery   = 250 * time.Millisecond
	quietLooks  = 40              // after which something is said, or proxies end what stands still
	watchAtMost = 5 * time.Minute // then the client comes again, and shows who it is
)

// watchImport sends how an import stands whenever that changes, until nothing happens any more.
func (h *Handler) watchImport(c echo.Context) error {
	ctx, stop := context.WithTimeout(c.Request().Context(), watchAtMost)
	defer stop()
	who, project, id := caller.From(c), c.Param("project"), c.Param("import")
	in, err := h.Admin.ReadImport(ctx, who, project, id)
	if err != nil {
		return err
	}
	defer web.Transfer(c)()
	c.Response().Header().Set(echo.HeaderContentType, "text/event-stream")
	c.Response().WriteHeader(http.StatusOK)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	said := ""
	for quiet := 0; ; quiet++ {
		event, err := progress(in)
		if err != nil {
			return err
		}
		switch {
		case event != said:
			said = event
		case quiet < quietLooks:
			event = ""
		default:
			event = ":\n\n"
		}
		if event != "" {
			quiet = 0
			if _, err := c.Response().Write([]byte(event)); err != nil {
				return nil // the client has gone
			}
			c.Response().Flush()
		}
		if in.Final() {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		if in, err = h.Admin.ReadImportAgain(ctx, who, project, id); err != nil {
			return nil // the answer has begun; the client comes again and is told
		}
	}
}

// progress is an event: "end" when it is the last.
func progress(in admin.Import) (string, error) {
	data, err := json.Marshal(in)
	name := "progress"
	if in.Final() {
		name = "end"
	}
	return fmt.Sprintf("event: %s\ndata: %s\n\n", name, data), err
}
