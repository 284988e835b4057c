package rest

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

const typeBinary = "Binary"

// headerSecurityContext names what who may read decides over the Binary (R4 binary.html#rest).
const headerSecurityContext = "X-Security-Context"

// createBinary takes content of any type as it is, or a Binary resource (R4 binary.html#rest). A
// resource keeps its data with it, and so has the bounds of a resource; content goes to storage.
func (h *Handler) createBinary(c echo.Context) error {
	if _, err := parameters(c, "_filename"); err != nil {
		return err
	}
	defer web.Transfer(c)()
	body, content, err := binaryBody(c)
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.session(c)
	if condition := c.Request().Header.Get("If-None-Exist"); condition != "" {
		return h.createIfNone(c, typeBinary, condition, body)
	}
	if body != nil {
		made, err := session.Create(ctx, typeBinary, body)
		if err != nil {
			return err
		}
		return h.written(c, outcome.Created, made)
	}
	upload, err := h.upload(c, session, "", content)
	if err != nil {
		return err
	}
	made, err := session.CreateUpload(ctx, upload)
	if err != nil {
		return err
	}
	return h.uploaded(c, outcome.Created, made)
}

// updateBinary is createBinary for a Binary that is there.
func (h *Handler) updateBinary(c echo.Context) error {
	if _, err := parameters(c, "_filename"); err != nil {
		return err
	}
	version, err := ifMatch(c.Request().Header)
	if err != nil {
		return err
	}
	defer web.Transfer(c)()
	body, content, err := binaryBody(c)
	if err != nil {
		return err
	}
	ctx, session, id := c.Request().Context(), h.session(c), c.Param("id")
	if body != nil {
		made, err := session.Update(ctx, typeBinary, id, body, version)
		if err != nil {
			return err
		}
		return h.written(c, outcome.OK, made)
	}
	upload, err := h.upload(c, session, id, content)
	if err != nil {
		return err
	}
	made, err := session.UpdateUpload(ctx, id, upload, version)
	if err != nil {
		return err
	}
	return h.uploaded(c, outcome.OK, made)
}

var binaryResource = regexp.MustCompile(`"resourceType"\s*:\s*"Binary"`)

// binaryBody tells a Binary resource, which it reads, from content, which it does not.
func binaryBody(c echo.Context) (resource []byte, content io.Reader, err error) {
	request := c.Request()
	if encoding := request.Header.Get(echo.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, nil, outcome.New(outcome.UnsupportedMedia, "The body must not be compressed")
	}
	if !isJSON(request.Header.Get(echo.HeaderContentType)) {
		return nil, request.Body, nil
	}
	begun, err := io.ReadAll(io.LimitReader(request.Body, web.MaxJSON+1))
	if err != nil {
		return nil, nil, outcome.New(outcome.Invalid, "The content ended early")
	}
	if len(begun) > web.MaxJSON {
		if binaryResource.Match(begun) {
			return nil, nil, outcome.New(outcome.TooLong, "A Binary resource is too large: send its content itself")
		}
		return nil, io.MultiReader(bytes.NewReader(begun), request.Body), nil
	}
	if doc, err := document.Parse(begun); err == nil && doc.Text("resourceType") == typeBinary {
		return begun, nil, nil
	}
	return nil, bytes.NewReader(begun), nil
}

// upload puts content into storage. Whoever may not write the Binary is told before.
func (h *Handler) upload(c echo.Context, session *repo.Session, id string, content io.Reader) (repo.Upload, error) {
	request := c.Request()
	about := request.Header.Get(headerSecurityContext)
	if resourceType, _ := (medplum.Reference{Reference: about}).Split(); about != "" && !definitions.IsResource(resourceType) {
		return repo.Upload{}, outcome.New(outcome.Invalid, "%s must be a reference such as Patient/123", headerSecurityContext)
	}
	project, err := session.MayUpload(request.Context(), id)
	if err != nil {
		return repo.Upload{}, err
	}
	kept, err := h.shelf.Put(request.Context(), project, content, request.ContentLength)
	if err != nil {
		return repo.Upload{}, err
	}
	contentType := request.Header.Get(echo.HeaderContentType)
	if contentType == "" {
		contentType = echo.MIMEOctetStream
	}
	return repo.Upload{
		Blob:            store.BlobUse{Blob: kept, FileName: fileName(c.QueryParam("_filename"))},
		ContentType:     contentType,
		SecurityContext: about,
	}, nil
}

// maxFileName is how much of a file's name is kept.
const maxFileName = 255

// fileName is what a browser may offer as the name of the file: no path and nothing invisible.
func fileName(given string) string {
	given = given[strings.LastIndexAny(given, `/\`)+1:]
	name := strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(given, "_"))
	if len(name) > maxFileName {
		name = strings.ToValidUTF8(name[:maxFileName], "")
	}
	return strings.Trim(name, ". ")
}

// uploaded answers with the Binary and, as Medplum's clients expect, the URL of its content.
func (h *Handler) uploaded(c echo.Context, code outcome.Code, res store.Resource) error {
	content := append([]byte(nil), res.Content[:len(res.Content)-1]...)
	content = append(append(content, `,"url":"`...), h.urls.Sign(res.Ref, res.Version)...) // a URL needs no escapes
	res.Content = append(content, `"}`...)
	return h.written(c, code, res)
}

// readBinary gives the content as it came, or the resource to who asks for application/fhir+json
// (R4 binary.html#rest). version is empty for the current one.
func (h *Handler) readBinary(c echo.Context, version string) error {
	query := c.QueryParams()
	for name, values := range query {
		if name != "_format" && name != "_pretty" || len(values) > 1 {
			return outcome.New(outcome.Invalid, "Unknown parameter: %s", name)
		}
	}
	content, err := h.session(c).Content(c.Request().Context(), c.Param("id"), version)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderVary, echo.HeaderAccept)
	if noneMatch(c.Request().Header, content.Version) {
		headers(c, content.Resource)
		return c.NoContent(http.StatusNotModified)
	}
	if wantsResource(c) {
		return h.binaryResource(c, content)
	}
	return h.serveContent(c, content)
}

// wantsResource says whether FHIR's own format is asked for by name.
func wantsResource(c echo.Context) bool {
	if format := c.QueryParam("_format"); format != "" {
		return format == "json" || isJSON(format)
	}
	for media := range strings.SplitSeq(strings.Join(c.Request().Header.Values(echo.HeaderAccept), ","), ",") {
		name, _, _ := strings.Cut(media, ";")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "application/fhir+json" || name == "application/json+fhir" {
			return true
		}
	}
	return false
}

// binaryResource answers with the resource, its data streamed from storage.
func (h *Handler) binaryResource(c echo.Context, content repo.Content) error {
	if content.Blob == nil || content.Hidden {
		return resource(c, http.StatusOK, content.Resource)
	}
	blob, err := h.shelf.Open(c.Request().Context(), content.Blob.Blob)
	if err != nil {
		return err
	}
	defer blob.Close()
	defer web.Transfer(c)()
	headers(c, content.Resource)
	before, after := content.Content[:len(content.Content)-1], []byte(`"}`)
	const member = `,"data":"`
	length := int64(len(before)+len(member)+len(after)) + (content.Blob.Size+2)/3*4
	header := c.Response().Header()
	header.Set(echo.HeaderContentType, web.FHIRJSON)
	header.Set(echo.HeaderContentLength, strconv.FormatInt(length, 10))
	c.Response().WriteHeader(http.StatusOK)
	if _, err := c.Response().Write(append(append([]byte(nil), before...), member...)); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, c.Response())
	if _, err := io.Copy(encoder, blob); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	_, err = c.Response().Write(after)
	return err
}

// serveContent answers with the bytes, or the ranges of them that are asked for. They are somebody
// else's, on our origin: no browser runs or frames them here.
func (h *Handler) serveContent(c echo.Context, content repo.Content) error {
	if content.Hidden {
		return outcome.New(outcome.Forbidden, "")
	}
	var reader io.ReadSeeker = bytes.NewReader(content.Data)
	name := ""
	if content.Blob != nil {
		blob, err := h.shelf.Open(c.Request().Context(), content.Blob.Blob)
		if err != nil {
			return err
		}
		defer blob.Close()
		reader, name = blob, content.Blob.FileName
	}
	defer web.Transfer(c)()
	headers(c, content.Resource)
	header := c.Response().Header()
	contentType := content.Type
	if contentType == "" {
		contentType = echo.MIMEOctetStream
	}
	header.Set(echo.HeaderContentType, contentType)
	header.Set(echo.HeaderContentDisposition, disposition(contentType, name))
	header.Set(echo.HeaderXContentTypeOptions, "nosniff")
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/pdf" { // browsers show no PDF in a sandbox
		header.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; sandbox")
	}
	http.ServeContent(c.Response(), c.Request(), "", content.LastUpdated, reader)
	return nil
}

// harmless are the media types that a browser shows without running anything.
var harmless = regexp.MustCompile(`^(image/(png|jpeg|gif|webp|avif|bmp|tiff|heic)|(audio|video)/[a-z0-9.+-]+|text/plain|application/(pdf|dicom))$`)

// disposition has a browser save what it might run.
func disposition(contentType, name string) string {
	how := "attachment"
	if media, _, err := mime.ParseMediaType(contentType); err == nil && harmless.MatchString(media) {
		how = "inline"
	}
	if name == "" {
		return how
	}
	return mime.FormatMediaType(how, map[string]string{"filename": name})
}
