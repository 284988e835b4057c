// Package rest is the FHIR R4 REST surface (R4 http.html), one file per interaction. It reads
// requests and writes answers; what is there and who may do what is fhir/repo's.
//
//   - Stored bytes go to the wire as they are.
//   - A parameter or precondition that is not understood is refused, never ignored.
//   - An id that could not be one is not found.
package rest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/attachment"
	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/graphql"
	"github.com/admitdev/admit/fhir/repo"
	blobs "github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/web"
)

// Options are what a Handler stands on.
type Options struct {
	Repo *repo.Repo
	// Base is the absolute URL of the surface with its final slash: https://example.com/fhir/R4/.
	Base string
	// Version is the software's, Released when it was made; both for the CapabilityStatement.
	Version  string
	Released time.Time
	// CORS says whether pages of other origins may call the server; for the CapabilityStatement.
	CORS bool
	// Shelf keeps the content of Binaries, URLs are the signed ones that lead to it.
	Shelf *blobs.Shelf
	URLs  *attachment.URLs
	// GraphQL bounds its queries; zero values stand for the default.
	GraphQL graphql.Limits
	// Queue takes the Bundles of clients that do not wait; Callers says what those may do when their
	// turn has come.
	Queue   repo.Queue
	Callers Callers
	// Box seals those Bundles and their answers, which may hold secrets; without it they are not taken.
	Box Box
	// Quota is how many units of interactions a member may use in a minute, -1 any number; Counter
	// counts them, one of this Handler alone when it is nil.
	Quota   int
	Counter *web.Counter
	// Limits bound the Bundles that are taken; zero values stand for the default.
	Limits Limits
}

// Handler serves FHIR R4 under the group it is mounted on.
type Handler struct {
	repo     *repo.Repo
	shelf    *blobs.Shelf
	urls     *attachment.URLs
	graphql  *graphql.Engine
	base     string
	metadata []byte
	// metadataVersion changes with it.
	metadataVersion string
	limits          Limits
	queue           repo.Queue
	callers         Callers
	box             Box
	large           chan struct{} // a place for each large Bundle at work
	// strangers counts the refusals of nobody known.
	strangers *web.Counter
	counter   *web.Counter
	quota     int
	routes    *echo.Echo // what a job carries out is given to; see dispatch
}

// New makes a Handler.
func New(o Options) (*Handler, error) {
	metadata, err := capabilities(o)
	if err != nil {
		return nil, err
	}
	limits := o.Limits.orDefault()
	h := &Handler{
		repo: o.Repo, shelf: o.Shelf, urls: o.URLs, graphql: graphql.New(graphql.Options{Base: o.Base, Limits: o.GraphQL}), base: o.Base, metadata: metadata, limits: limits, queue: o.Queue, callers: o.Callers, box: o.Box, large: make(chan struct{}, limits.Large), strangers: web.NewCounter(clock.System{}),
		counter: cmp.Or(o.Counter, web.NewCounter(clock.System{})), quota: o.Quota, routes: echo.New(),
	}
	sum := sha256.Sum256(metadata)
	h.metadataVersion = hex.EncodeToString(sum[:8])
	h.Mount(h.routes.Group(""))
	return h, nil
}

// Mount adds the routes that need a caller. The group's middleware has put it there
// (caller.Resolver.Middleware) and renders errors (web.Errors).
func (h *Handler) Mount(g *echo.Group) {
	h.mountSearch(g)
	h.mountDefinitionals(g)
	h.mountHistory(g)
	h.mountReindex(g)
	g.POST("/:type/:id/$set-accounts", h.setAccounts)
	g.GET("/ClientApplication/:id/$smart-launch", h.smartLaunch)
	g.GET("/Project/:id/$rate-limits", h.rateLimits)
	h.mountEverything(g)
	h.mountJobs(g)
	h.mountCompartments(g)
	g.POST("", h.bundle)
	g.POST("/", h.bundle)
	g.POST("/$graphql", h.graphQL)
	g.POST("/:type", h.create)
	g.GET("/:type/:id", h.read)
	g.HEAD("/:type/:id", h.read)
	g.PUT("/:type/:id", h.update)
	g.PATCH("/:type/:id", h.patch)
	g.DELETE("/:type/:id", h.delete)
	g.PUT("/:type", h.updateOne)
	g.PATCH("/:type", h.patchOne)
	g.DELETE("/:type", h.deleteOne)
	g.GET("/:type/:id/_history/:vid", h.vread)
	g.HEAD("/:type/:id/_history/:vid", h.vread)
}

// MountPublic adds the routes that anybody may ask.
func (h *Handler) MountPublic(g *echo.Group) {
	g.GET("/metadata", h.capabilities)
	g.GET("/$versions", h.versions)
}

// session acts for the request's caller, for whom the URLs in the answer are signed (see signed): of
// what a job does, when it is fetched.
func (h *Handler) session(c echo.Context) *repo.Session {
	if c.Get(inBackground) == nil {
		c.Set(signingKey, h)
	}
	return h.repo.As(caller.From(c))
}
