package file

import (
	"errors"
	"io"
	"path/filepath"
	"time"
)

// Listed is one file of a log as it lies there, for who reads a log again without following it.
type Listed struct {
	Path       string
	Compressed bool
	Size       int64 // bytes on disk
	Changed    time.Time

	entry entry
}

// Logs returns the files of each log that paths, as in Settings, name: by live path, oldest first. known are live paths that are
// logs though no file of that name may be there now. What cannot be looked at is in the error, beside the rest.
func Logs(paths, known []string) (map[string][]Listed, error) {
	var errs []error
	s := &scanner{refuse: func(string, string) {}, trouble: func(_ string, err error) { errs = append(errs, err) }}
	for _, p := range paths {
		absolute, err := filepath.Abs(p)
		if err != nil {
			return nil, err
		}
		s.paths = append(s.paths, absolute)
	}
	isKnown := map[string]bool{}
	for _, live := range known {
		isKnown[live] = true
	}
	logs := map[string][]Listed{}
	for live, entries := range s.all(func(live string) bool { return isKnown[live] }) {
		for _, e := range entries {
			logs[live] = append(logs[live], Listed{e.path, e.codec != plain, e.size, time.Unix(0, e.mtime), e})
		}
	}
	return logs, errors.Join(errs...)
}

// Open opens the file's content, decompressed. A file that breaks off ends with io.ErrUnexpectedEOF.
func (l *Listed) Open() (io.ReadCloser, error) {
	c, i, err := openContent(l.Path, l.entry.codec)
	if err != nil {
		return nil, err
	}
	c.bound(&Settings{MaxDecompressed: defaultDecompressed, MaxRatio: defaultRatio}, i.size)
	return &listedReader{c: c}, nil
}

type listedReader struct {
	c  *content
	at int64
}

func (r *listedReader) Read(b []byte) (int, error) {
	n, err := r.c.readAt(b, r.at)
	r.at += int64(n)
	return n, err
}

func (r *listedReader) Close() error {
	r.c.close()
	return nil
}

// Place says where in its log a file is, as a saved state has it.
type Place struct {
	File int    // which of the files; -1: none of them has its content any more
	Path string // where it was last seen
	Base int64  // logical offset of the first byte of its content
	From int64  // position in the content at which the log goes on in it
	Lost bool   // it was given up
	Done bool   // it had been read to its end
}

// Places finds the files of a log in its saved state, by their content.
func Places(state []byte, files []Listed) ([]Place, error) {
	segments, err := parseState(state)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(files))
	for i := range files {
		entries[i] = files[i].entry
	}
	src := &Source{set: Settings{MaxDecompressed: defaultDecompressed, MaxRatio: defaultRatio}}
	places := make([]Place, len(segments))
	for i := range segments {
		g := &segments[i]
		places[i] = Place{File: -1, Path: g.Path, Base: g.Base, From: g.From, Lost: g.Lost, Done: g.End != 0}
		if !g.Lost {
			places[i].File = src.find(g, entries)
		}
	}
	return places, nil
}
