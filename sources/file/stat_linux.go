package file

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// statPath returns what there is at path, symbolic links followed.
func statPath(path string) (info, error) { return statx(unix.AT_FDCWD, path, 0) }

// statFile returns what f is now.
func statFile(f *os.File) (info, error) { return statx(int(f.Fd()), "", unix.AT_EMPTY_PATH) }

// statx is used for the time of birth, which stat(2) does not tell.
func statx(folder int, path string, flags int) (info, error) {
	var s unix.Statx_t
	var err error
	for {
		err = unix.Statx(folder, path, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &s)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return info{}, &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	i := info{
		fileID:  fileID{Dev: uint64(s.Dev_major)<<32 | uint64(s.Dev_minor), Inode: s.Ino},
		size:    int64(s.Size),
		mtime:   s.Mtime.Sec*1e9 + int64(s.Mtime.Nsec),
		links:   uint64(s.Nlink),
		regular: s.Mode&unix.S_IFMT == unix.S_IFREG,
		folder:  s.Mode&unix.S_IFMT == unix.S_IFDIR,
	}
	if s.Mask&unix.STATX_BTIME != 0 {
		i.Birth = s.Btime.Sec*1e9 + int64(s.Btime.Nsec)
	}
	return i, nil
}
