package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
)

// Directory is a Store in the file system. The directory is made when it is first written to.
// Nothing is ever opened outside of it.
type Directory struct {
	Path string

	mu   sync.Mutex
	root *os.Root
}

// arriving is where bytes are until they are whole.
const arriving = "arriving"

// private are the modes of what is kept: health data, for the server's own user.
const (
	privateDir  = 0o700
	privateFile = 0o600
)

func (d *Directory) open() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root != nil {
		return d.root, nil
	}
	if err := os.MkdirAll(d.Path, privateDir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(arriving, privateDir); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	d.root = root
	return root, nil
}

// Put implements Store. The file gets its name when all of it is on the disk.
func (d *Directory) Put(ctx context.Context, name Name, content io.Reader, _ int64) (int64, error) {
	at, err := name.path()
	if err != nil {
		return 0, err
	}
	root, err := d.open()
	if err != nil {
		return 0, fmt.Errorf("keep a blob: %w", err)
	}
	part := path.Join(arriving, name.ID)
	size, err := write(root, part, &interruptible{ctx, content})
	if err == nil {
		if err = root.MkdirAll(path.Dir(at), privateDir); err == nil {
			err = root.Rename(part, at)
		}
	}
	if err == nil {
		err = d.settle(path.Dir(at))
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("keep a blob: %w", err), absent(root.Remove(part)))
	}
	return size, nil
}

// write fills a new file and waits for the disk.
func write(root *os.Root, name string, content io.Reader) (size int64, err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if size, err = io.Copy(file, content); err != nil {
		return 0, err
	}
	return size, file.Sync()
}

// settle waits until the directories on the way to a file are on the disk, so that a loss of power
// takes no name away that the database counts on.
func (d *Directory) settle(dir string) error {
	for {
		opened, err := os.Open(filepath.Join(d.Path, filepath.FromSlash(dir)))
		if err != nil {
			return err
		}
		if err := errors.Join(opened.Sync(), opened.Close()); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// Open implements Store.
func (d *Directory) Open(_ context.Context, name Name) (io.ReadSeekCloser, error) {
	at, err := name.path()
	if err != nil {
		return nil, err
	}
	root, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("open a blob: %w", err)
	}
	file, err := root.Open(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("open a blob: %w", err)
	}
	return file, nil
}

// Delete implements Store. What a killed process left half written goes as well.
func (d *Directory) Delete(_ context.Context, name Name) error {
	at, err := name.path()
	if err != nil {
		return err
	}
	root, err := d.open()
	if err != nil {
		return fmt.Errorf("delete a blob: %w", err)
	}
	if err := errors.Join(absent(root.Remove(at)), absent(root.Remove(path.Join(arriving, name.ID)))); err != nil {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return nil
}

// absent takes it for no failure that there was nothing to remove.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// interruptible ends reading when its context does.
type interruptible struct {
	ctx context.Context
	io.Reader
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
