package rest

import (
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// MountStorage adds the route of signed URLs, which need no caller: their signature says that one
// was allowed to read.
func (h *Handler) MountStorage(g *echo.Group) { g.GET("/:id/:version", h.storage) }

// storage gives the content that a signed URL leads to, as long as the Binary is not deleted.
func (h *Handler) storage(c echo.Context) error {
	id, version := c.Param("id"), c.Param("version")
	of, left, err := h.urls.Check(id, version, c.QueryParams())
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.repo.System("follow a signed URL", of.Project)
	if _, err := session.Read(ctx, typeBinary, id); err != nil {
		return err
	}
	content, err := session.Content(ctx, id, version)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Cache-Control", fmt.Sprintf("private, max-age=%d, immutable", int(left.Seconds())))
	header.Del("Pragma")
	header.Del("Expires")
	return h.serveContent(c, content)
}

// signingKey is where a request keeps who signs the URLs in its answer.
const signingKey = "rest.signing"

// signed is an answer with a signed URL for each Binary that it names and that the caller may read.
func signed(c echo.Context, content []byte) ([]byte, error) {
	h, ok := c.Get(signingKey).(*Handler)
	if !ok {
		return content, nil
	}
	named := h.urls.Named(content)
	if len(named) == 0 {
		return content, nil
	}
	urls, err := h.signedURLs(c.Request().Context(), h.session(c), named)
	if err != nil || len(urls) == 0 {
		return content, err
	}
	return h.urls.Signed(content, urls), nil
}

// maxVersioned is how many attachments of an answer may name an old version of a Binary and still be
// signed: each is looked up by itself.
const maxVersioned = 100

func (h *Handler) signedURLs(ctx context.Context, session *repo.Session, named []attachment.Binary) (map[attachment.Binary]string, error) {
	urls := map[attachment.Binary]string{}
	var current []string
	versioned := 0
	for _, b := range named {
		if b.Version == "" {
			current = append(current, b.ID)
			continue
		}
		if versioned++; versioned > maxVersioned {
			continue
		}
		content, err := session.Content(ctx, b.ID, b.Version)
		if err != nil && !unseen(err) {
			return nil, err
		}
		if err == nil && !content.Hidden {
			urls[b] = h.urls.Sign(content.Ref, content.Version)
		}
	}
	if len(current) == 0 {
		return urls, nil
	}
	found, err := session.ReadManyContents(ctx, current)
	if unseen(err) {
		return urls, nil
	}
	for id, res := range found {
		urls[attachment.Binary{ID: id}] = h.urls.Sign(res.Ref, res.Version)
	}
	return urls, err
}

// unseen says whether err is that there is nothing for the caller.
func unseen(err error) bool {
	return outcome.Has(err, outcome.Forbidden) || outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone)
}
