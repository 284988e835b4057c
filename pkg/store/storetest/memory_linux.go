package storetest

import "syscall"

// The file system that Linux keeps in memory, and how much of it must be free: some containers have 64 MB.
const (
	shared       = "/dev/shm"
	tmpfs        = 0x01021994
	sharedEnough = 1 << 30
)

// memory is where the databases of tests are made, for os.MkdirTemp. They are thrown away, and to make and remove
// their files on a disk costs more than all that is asked of them.
func memory() string {
	var found syscall.Statfs_t
	if err := syscall.Statfs(shared, &found); err != nil || found.Type != tmpfs || found.Bavail*uint64(found.Bsize) < sharedEnough {
		return ""
	}
	return shared
}
