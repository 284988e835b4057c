package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/web"
)

func (h *Handler) mountMailTemplates(p *echo.Group) {
	p.GET("/mail-templates", h.mailTemplates)
	p.GET("/mail-templates/:template", h.mailTemplate)
	p.PUT("/mail-templates/:template", h.putMailTemplate)
	p.DELETE("/mail-templates/:template", h.deleteMailTemplate)
	p.POST("/mail-templates/:template/preview", h.previewMail)
}

func (h *Handler) mailTemplates(c echo.Context) error {
	all, err := h.Admin.MailTemplates(c.Request().Context(), caller.From(c), c.Param("project"))
	return answer(c, http.StatusOK, map[string][]admin.MailTemplate{"templates": all}, err)
}

// words writes a template with the version by which a change names it.
func words(c echo.Context, t admin.MailTemplate, err error) error {
	if err == nil {
		c.Response().Header().Set("ETag", `W/"`+t.Version+`"`)
	}
	return answer(c, http.StatusOK, t, err)
}

func (h *Handler) mailTemplate(c echo.Context) error {
	found, err := h.Admin.MailTemplate(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("template"))
	return words(c, found, err)
}

func (h *Handler) putMailTemplate(c echo.Context) error {
	var in mail.Words
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	put, err := h.Admin.PutMailTemplate(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("template"), ifMatch(c), in)
	return words(c, put, err)
}

func (h *Handler) deleteMailTemplate(c echo.Context) error {
	return finished(c, h.Admin.DeleteMailTemplate(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("template"), ifMatch(c)))
}

// previewMail takes the words to be looked at, or none for those that are kept.
func (h *Handler) previewMail(c echo.Context) error {
	var in mail.Words
	if err := web.ReadJSON(c, &in, web.RefuseUnknown()); err != nil {
		return err
	}
	seen, err := h.Admin.PreviewMail(c.Request().Context(), caller.From(c), c.Param("project"), c.Param("template"), in)
	return answer(c, http.StatusOK, seen, err)
}
