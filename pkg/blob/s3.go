package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is a Store in a bucket, which must be there. Parts of an upload that a killed process left
// are the bucket's lifecycle rules to remove, or Delete's.
type S3 struct {
	client *minio.Client
	bucket string
}

// partSize is how much of an upload of unknown length is in memory.
const partSize = 8 << 20

func openS3(u *url.URL) (*S3, error) {
	secret, _ := u.User.Password()
	bucket := strings.Trim(u.Path, "/")
	switch {
	case u.User.Username() == "" || secret == "":
		return nil, errors.New("blob: the S3 address has no key and secret")
	case bucket == "" || strings.Contains(bucket, "/"):
		return nil, errors.New("blob: the S3 address names no bucket")
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(u.User.Username(), secret, ""),
		Secure: u.Scheme == "s3",
		Region: u.Query().Get("region"),
	})
	if err != nil {
		return nil, errors.New("blob: the S3 address cannot be used")
	}
	return &S3{client, bucket}, nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, name Name, content io.Reader, size int64) (int64, error) {
	at, err := name.path()
	if err != nil {
		return 0, err
	}
	kept, err := s.client.PutObject(ctx, s.bucket, at, content, size, minio.PutObjectOptions{
		ContentType: "application/octet-stream", PartSize: partSize, NumThreads: 1,
		DisableContentSha256: true, // as over TLS always; not every service understands signed parts of a stream
	})
	if err != nil {
		return 0, fmt.Errorf("keep a blob: %w", err)
	}
	return kept.Size, nil
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, name Name) (io.ReadSeekCloser, error) {
	at, err := name.path()
	if err != nil {
		return nil, err
	}
	object, err := s.client.GetObject(ctx, s.bucket, at, minio.GetObjectOptions{})
	if err != nil {
		return nil, fmt.Errorf("open a blob: %w", err)
	}
	if _, err := object.Stat(); err != nil { // GetObject itself asks nobody
		if minio.ToErrorResponse(err).StatusCode == http.StatusNotFound {
			err = ErrNotFound
		}
		return nil, fmt.Errorf("open a blob: %w", errors.Join(err, object.Close()))
	}
	return object, nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, name Name) error {
	at, err := name.path()
	if err != nil {
		return err
	}
	if err := s.client.RemoveIncompleteUpload(ctx, s.bucket, at); err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchUpload {
		return fmt.Errorf("delete a blob: %w", err)
	}
	if err := s.client.RemoveObject(ctx, s.bucket, at, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return nil
}
