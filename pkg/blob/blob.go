// Package blob keeps the bytes of Binaries outside of the database: in a directory, or in storage
// that speaks S3. It decides where bytes lie and how they get there whole; which of them are still
// wanted the table "blob" of package store says (see Shelf).
//
//   - A name is the server's own id below a project's id; nothing that a client says is in it.
//   - What can be opened is whole: bytes that were cut off on their way are nowhere to be found.
//   - Neither writing nor reading holds more than a part in memory.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

// Store keeps bytes by name. Directory and S3 implement it.
type Store interface {
	// Put keeps what content gives until its end; size is how much that will be, -1 when nobody
	// knows. It says how much it was. When it fails nothing is kept under the name.
	Put(ctx context.Context, name Name, content io.Reader, size int64) (int64, error)
	// Open reads what is kept. Its end is found by Seek.
	//
	// Errors: ErrNotFound.
	Open(ctx context.Context, name Name) (io.ReadSeekCloser, error)
	// Delete forgets what is kept, if anything is.
	Delete(ctx context.Context, name Name) error
}

// ErrNotFound says that nothing is kept under a name.
var ErrNotFound = errors.New("blob: not found")

// Name is what bytes are found by: two UUIDs that the server made.
type Name struct{ Project, ID string }

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// path is the name with slashes. A project's bytes are spread over many directories by the random
// end of their ids.
func (n Name) path() (string, error) {
	if !uuidForm.MatchString(n.Project) || !uuidForm.MatchString(n.ID) {
		return "", fmt.Errorf("blob: %q is no name", n)
	}
	return n.Project + "/" + n.ID[len(n.ID)-2:] + "/" + n.ID, nil
}

// Open makes the Store that an address names: file:directory, or s3://key:secret@host/bucket for
// S3 over TLS (s3+http:// without), with ?region= where the service wants one.
func Open(address string) (Store, error) {
	if dir, ok := strings.CutPrefix(address, "file:"); ok && dir != "" {
		return &Directory{Path: dir}, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" && u.Scheme != "s3+http" || u.Host == "" {
		return nil, errors.New("blob: the address is neither a file nor an s3 URL") // url.Parse would repeat the secret
	}
	return openS3(u)
}
