//go:build unix && !linux

package file

import (
	"io/fs"
	"os"
	"syscall"
)

// statPath returns what there is at path, symbolic links followed.
func statPath(path string) (info, error) {
	i, err := os.Stat(path)
	if err != nil {
		return info{}, err
	}
	return infoOf(i), nil
}

// statFile returns what f is now.
func statFile(f *os.File) (info, error) {
	i, err := f.Stat()
	if err != nil {
		return info{}, err
	}
	return infoOf(i), nil
}

// infoOf leaves the time of birth out: files are told apart without it.
func infoOf(i fs.FileInfo) info {
	r := info{size: i.Size(), mtime: i.ModTime().UnixNano(), regular: i.Mode().IsRegular(), folder: i.IsDir(), links: 1}
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		r.fileID, r.links = fileID{Dev: uint64(s.Dev), Inode: s.Ino}, uint64(s.Nlink)
	}
	return r
}
