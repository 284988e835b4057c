package blob_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/blob"
	"github.com/admitdev/admit/pkg/clock"
)

const project = "01890000-0000-7000-8000-000000000001"

// eachStore runs a test on a directory and on an S3 server that answers over HTTP.
func eachStore(t *testing.T, test func(t *testing.T, s blob.Store)) {
	t.Run("directory", func(t *testing.T) {
		s, err := blob.Open("file:" + filepath.Join(t.TempDir(), "not", "yet", "there"))
		require.NoError(t, err)
		test(t, s)
	})
	t.Run("s3", func(t *testing.T) { test(t, s3(t)) })
}

func s3(t *testing.T) blob.Store {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("clinic"))
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	s, err := blob.Open("s3+http://key:secret@" + strings.TrimPrefix(server.URL, "http://") + "/clinic?region=eu-central-1")
	require.NoError(t, err)
	return s
}

func name() blob.Name { return blob.Name{Project: project, ID: clock.System{}.NewID()} }

func TestWhatIsPutCanBeReadAndSought(t *testing.T) {
	eachStore(t, func(t *testing.T, s blob.Store) {
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // two parts of an upload
		for _, tc := range []struct {
			name    string
			content []byte
			size    int64
		}{
			{"nothing", nil, 0}, {"small", []byte("hello"), 5}, {"of unknown length", []byte("hello"), -1},
			{"big", big, int64(len(big))}, {"big, of unknown length", big, -1},
		} {
			t.Run(tc.name, func(t *testing.T) {
				n := name()
				size, err := s.Put(t.Context(), n, io.MultiReader(bytes.NewReader(tc.content)), tc.size)
				require.NoError(t, err)
				require.EqualValues(t, len(tc.content), size)
				got, err := s.Open(t.Context(), n)
				require.NoError(t, err)
				defer got.Close()
				end, err := got.Seek(0, io.SeekEnd)
				require.NoError(t, err)
				require.EqualValues(t, len(tc.content), end)
				from := end / 2
				_, err = got.Seek(from, io.SeekStart)
				require.NoError(t, err)
				rest, err := io.ReadAll(got)
				require.NoError(t, err)
				require.True(t, bytes.Equal(tc.content[from:], rest))
			})
		}
	})
}

func TestWhatBreaksOffIsNotThere(t *testing.T) {
	eachStore(t, func(t *testing.T, s blob.Store) {
		n, broken := name(), errors.New("broken")
		for _, size := range []int64{-1, 100} {
			_, err := s.Put(t.Context(), n, io.MultiReader(strings.NewReader("some"), iotest.ErrReader(broken)), size)
			require.ErrorIs(t, err, broken)
			_, err = s.Open(t.Context(), n)
			require.ErrorIs(t, err, blob.ErrNotFound)
		}
	})
}

func TestDeletedIsGoneAndMayBeDeletedAgain(t *testing.T) {
	eachStore(t, func(t *testing.T, s blob.Store) {
		n := name()
		_, err := s.Put(t.Context(), n, strings.NewReader("x"), 1)
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, s.Delete(t.Context(), n))
			_, err = s.Open(t.Context(), n)
			require.ErrorIs(t, err, blob.ErrNotFound)
		}
	})
}

func TestNamesLeadNowhereElse(t *testing.T) {
	eachStore(t, func(t *testing.T, s blob.Store) {
		good := name()
		for _, bad := range []blob.Name{
			{}, {"..", good.ID}, {good.Project, "../../etc/passwd"}, {good.Project, good.ID + "/.."}, {good.Project, strings.ToUpper("a" + good.ID[1:])},
		} {
			_, err := s.Put(t.Context(), bad, strings.NewReader("x"), 1)
			require.Error(t, err)
			_, err = s.Open(t.Context(), bad)
			require.Error(t, err)
			require.Error(t, s.Delete(t.Context(), bad))
		}
	})
}

func TestDirectoryIsPrivateAndKeepsNoHalves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	s, err := blob.Open("file:" + dir)
	require.NoError(t, err)
	require.NoDirExists(t, dir, "nothing is made before it is needed")
	_, err = s.Put(t.Context(), name(), strings.NewReader("x"), 1)
	require.NoError(t, err)
	_, err = s.Put(t.Context(), name(), iotest.ErrReader(errors.New("broken")), 1)
	require.Error(t, err)
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
		if !entry.IsDir() {
			files++
		}
		return nil
	}))
	require.Equal(t, 1, files)
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{"", "file:", "blobs", "s3://", "s3://bucket", "s3://k:s@host", "s3://k:s@host/a/b", "s3://k@host/b", "http://k:s@host/b", "s3://k:s@ho st/b"} {
		_, err := blob.Open(bad)
		require.Error(t, err, bad)
		require.NotContains(t, err.Error(), "k:s")
	}
	_, err := blob.Open("s3://k:s@host/bucket?region=x")
	require.NoError(t, err)
}
