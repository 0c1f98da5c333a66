package spool

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Inspection is what Inspect has found in a spool's folder.
type Inspection struct {
	ID       string   `json:"id"`
	Segments int      `json:"segments"`
	Bytes    int64    `json:"bytes"`
	First    int64    `json:"first"`   // number of the first record that is there
	Next     int64    `json:"next"`    // after the last
	Records  int64    `json:"records"` // that are there; numbers may have been left out
	Damage   []string `json:"damage"`  // what a start will leave out, and where
	Aside    []string `json:"aside"`   // damaged files that a start has put aside

	// Unfinished is how many bytes at the end are no whole group: a write that is under way, or that a crash broke off. A start cuts
	// them off.
	Unfinished int64 `json:"unfinished"`
}

// Inspect reads the spool in dir through, in use or not, and changes nothing in it.
func Inspect(dir string) (*Inspection, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	in := &Inspection{}
	var names []string
	for _, e := range entries { // by name, and so by number
		switch {
		case !e.Type().IsRegular():
		case strings.HasSuffix(e.Name(), suffix+".bad"):
			in.Aside = append(in.Aside, e.Name())
		case strings.HasSuffix(e.Name(), suffix):
			names = append(names, e.Name())
		}
	}
	return in, in.read(dir, names)
}

// read looks at the segments. One that is gone since they were listed has been counted, and so have those before it: what is there begins
// behind it.
func (in *Inspection) read(dir string, names []string) error {
	for i, name := range names {
		err := in.segment(filepath.Join(dir, name), i == len(names)-1)
		if errors.Is(err, fs.ErrNotExist) {
			*in = Inspection{Damage: in.Damage, Aside: in.Aside}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// segment looks at one more segment.
func (in *Inspection) segment(path string, last bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	damaged := func(format string, args ...any) {
		in.Damage = append(in.Damage, filepath.Base(path)+": "+fmt.Sprintf(format, args...))
	}
	g := &segment{path: path}
	h, err := g.readHeader()
	id := hex.EncodeToString(h.id[:])
	switch {
	case errors.Is(err, errHeader) && last && info.Size() <= headerSize: // it is being begun
		in.Unfinished += info.Size()
		return nil
	case errors.Is(err, errHeader), errors.Is(err, errVersion):
		damaged("%v", err)
		return nil
	case err != nil:
		return err
	case segmentName(h.base) != filepath.Base(path):
		damaged("it begins with record %d", h.base)
		return nil
	case in.Segments > 0 && id != in.ID:
		damaged("it is of another spool")
		return nil
	case in.Segments == 0:
		in.ID, in.First, in.Next = id, h.base, h.base
	case h.after != in.Next:
		damaged("records from %d to %d are missing before it", in.Next, h.after)
	}
	in.Segments++
	in.Bytes += info.Size()
	end, next, err := in.blocks(f, h.base, info.Size())
	in.Next = next
	switch {
	case err != nil && !errors.Is(err, errBlock):
		return err
	case end == info.Size():
	case last:
		in.Unfinished += info.Size() - end
	default:
		damaged("%d bytes from offset %d on are no whole group of records", info.Size()-end, end)
	}
	return nil
}

// blocks counts the records of a segment: where the last whole group ends, and the number after it.
func (in *Inspection) blocks(f io.ReaderAt, base, size int64) (end, next int64, err error) {
	blocks := blockReader{file: f, pos: headerSize, limit: size}
	end, next = headerSize, base
	for number := next; ; {
		k, err := blocks.next()
		if errors.Is(err, io.EOF) {
			return end, next, nil
		}
		if err != nil {
			return end, next, err
		}
		if k.first != number {
			return end, next, errBlock
		}
		number += int64(k.count)
		if k.flags&flagLast != 0 {
			in.Records += number - next
			end, next = blocks.pos, number
		}
	}
}
