package file

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileID tells physical files apart. Birth, Unix nanoseconds, is 0 where the file system does not tell it; where it does,
// an inode used again is seen to be another file.
type fileID struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
	Birth int64  `json:"birth,omitempty"`
}

func (a fileID) same(b fileID) bool {
	return a.Dev == b.Dev && a.Inode == b.Inode && (a.Birth == b.Birth || a.Birth == 0 || b.Birth == 0)
}

// info is what the file system says of a file.
type info struct {
	fileID
	size    int64
	mtime   int64 // Unix nanoseconds
	links   uint64
	regular bool
	folder  bool
}

// entry is a regular file of a log, as a look at its folder showed it.
type entry struct {
	info
	path    string // absolute
	plain   string // path without .gz or .zst
	codec   codec
	live    string // the live path of the log it belongs to
	mark    mark
	matched bool // by the configured paths
	link    bool // path is a symbolic link
}

func (e *entry) isLive() bool { return e.path == e.live }

// look is what is in the folders of a source now: the files of each log, by live path, oldest first.
type look map[string][]entry

// scanner looks at the folders that paths name. It is not safe for concurrent use.
type scanner struct {
	paths []string // absolute globs

	// refuse and trouble are told of each thing found that is not a regular file, and of each that cannot be looked at.
	refuse  func(path, reason string)
	trouble func(path string, err error)
}

// folders returns the folders whose files are to be looked at.
func (s *scanner) folders() []string {
	var all []string
	for _, p := range s.paths {
		folder := filepath.Dir(p)
		if !hasMeta(folder) {
			all = append(all, folder)
			continue
		}
		found, _ := filepath.Glob(folder) // the pattern was checked by New
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func hasMeta(path string) bool { return strings.ContainsAny(path, `*?[\`) }

// matches reports whether the configured paths name path.
func (s *scanner) matches(path string) bool {
	return slices.ContainsFunc(s.paths, func(p string) bool {
		ok, _ := filepath.Match(p, path)
		return ok || p == path
	})
}

// all looks at all folders. known tells live paths that exist as partitions, whether or not there is a file now.
func (s *scanner) all(known func(live string) bool) look { return s.look(s.folders(), "", known) }

// log looks at the files of the log at live.
func (s *scanner) log(live string, known func(live string) bool) []entry {
	return s.look([]string{filepath.Dir(live)}, live, known)[live]
}

// look looks at folders, for the log at only or, when that is empty, for all, until two looks in a row agree: one that rotation
// ran through can show a file twice or not at all.
func (s *scanner) look(folders []string, only string, known func(live string) bool) look {
	once := func() look {
		l := look{}
		for _, folder := range folders {
			s.folder(folder, only, known, l)
		}
		return l
	}
	before := once()
	for range 10 {
		now := once()
		if maps.EqualFunc(before, now, func(a, b []entry) bool {
			return slices.EqualFunc(a, b, func(a, b entry) bool { return a.path == b.path && a.fileID == b.fileID })
		}) {
			return now
		}
		before = now
	}
	return before
}

// folder adds the logs of one folder, or the one at only, to l.
func (s *scanner) folder(folder, only string, known func(live string) bool, l look) {
	list, err := os.ReadDir(folder)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.trouble(folder, err)
		}
		return
	}
	names := make(map[string]struct{}, len(list))
	for _, d := range list {
		names[d.Name()] = struct{}{}
	}
	found := map[string]struct{}{} // live paths
	stem := ""                     // what the name of each file of that log begins with
	if only != "" {
		base := filepath.Base(only)
		stem = strings.TrimSuffix(base, filepath.Ext(base))
	}
	for _, d := range list {
		if !strings.HasPrefix(d.Name(), stem) {
			continue
		}
		e := entry{path: filepath.Join(folder, d.Name()), link: d.Type()&fs.ModeSymlink != 0}
		e.matched = s.matches(e.path)
		name, c := splitCodec(d.Name())
		e.plain, e.codec, e.live = filepath.Join(folder, name), c, e.path
		// A rotation only of a log that there is: server.1.log without a server.log is a log of its own.
		is := func(live string) bool {
			_, exists := names[live]
			live = filepath.Join(folder, live)
			return (exists || known(live)) && s.matches(live)
		}
		if c != plain && is(name) {
			e.live = e.plain
		}
		for _, r := range rotations(name) {
			if is(r.live) {
				e.live, e.mark = filepath.Join(folder, r.live), r.mark
				break
			}
		}
		if !e.matched && e.live == e.path || only != "" && e.live != only {
			continue
		}
		e.info, err = statPath(e.path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since, or a link that leads nowhere
			continue
		case err != nil:
			s.trouble(e.path, err)
			continue
		case !e.regular:
			if e.matched {
				s.refuse(e.path, kindOf(e.info))
			}
			continue
		}
		l[e.live] = append(l[e.live], e)
		found[e.live] = struct{}{}
	}
	for live := range found {
		l[live] = tidy(l[live])
	}
}

func kindOf(i info) string {
	if i.folder {
		return "a directory"
	}
	return "not a regular file"
}

// tidy leaves out compressed files whose original is still there (the compression may be under way), and all but one name
// of a file, and sorts.
func tidy(files []entry) []entry {
	originals := map[string]struct{}{}
	for i := range files {
		if files[i].codec == plain {
			originals[files[i].path] = struct{}{}
		}
	}
	files = slices.DeleteFunc(files, func(e entry) bool {
		_, ok := originals[e.plain]
		return ok && e.codec != plain
	})
	sortOldestFirst(files)
	seen := map[inode]struct{}{}
	kept := files[:0]
	for i := len(files) - 1; i >= 0; i-- { // the newest name of a file counts
		k := inode{files[i].Dev, files[i].Inode}
		if _, ok := seen[k]; !ok {
			seen[k] = struct{}{}
			continue
		}
		files[i].path = "" // to be left out
	}
	for _, e := range files {
		if e.path != "" {
			kept = append(kept, e)
		}
	}
	return kept
}
