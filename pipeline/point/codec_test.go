package point

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func samplePane(series int) *Pane {
	var points []Point
	for i := range series {
		s := &Series{
			Rollup: "route", Dimensions: []string{"service", "route"}, Values: []string{"a\x00\xffé", fmt.Sprint("/orders/", i)},
			Path: fmt.Sprint("route.a.orders_", i),
		}
		points = append(points,
			Point{Series: s, Name: &Name{Metric: "requests", Stat: "count"}, Count: math.MaxInt64 - int64(i), Change: math.MaxInt64 - int64(i)},
			Point{Series: s, Name: &Name{Metric: "latency", Stat: []string{"p99", "max"}[i%2], Kind: Gauge}, Value: 0.1 * float64(i)})
	}
	all := &Series{Rollup: "all", Path: "all"}
	points = append(points, Point{Series: all, Name: &Name{Metric: "clients", Stat: "distinct", Kind: Gauge}, Value: math.Inf(1)})
	return NewPane(Pane{Shard: "web1", Start: -10, End: 1_795_262_400, Kind: Late}, points...)
}

// same reports whether two panes say the same.
func same(a, b *Pane) bool {
	return a.Shard == b.Shard && a.Start == b.Start && a.End == b.End && a.Kind == b.Kind && a.Len() == b.Len() &&
		reflect.DeepEqual(slices.Collect(a.All()), slices.Collect(b.All()))
}

func TestParts(t *testing.T) {
	want := samplePane(300)
	for _, size := range []int{1, 1000, 1 << 20} {
		parts := 0
		var got Pane
		var points []Point
		err := want.EachPart(size, func(part []byte) error {
			parts++
			p, err := DecodePart(part)
			if err != nil {
				return err
			}
			got, points = *p, slices.AppendSeq(points, p.All())
			return nil
		})
		if err != nil || !same(NewPane(got, points...), want) {
			t.Errorf("parts of %d bytes: %v, or not what it was", size, err)
		}
		if size == 1 && parts != 301 || size == 1<<20 && parts != 1 {
			t.Errorf("%d parts of %d bytes", parts, size)
		}
	}
	stop := errors.New("stop")
	if err := want.EachPart(1, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error became %v", err)
	}
}

// TestFormat: panes of builds before are read from the disk.
func TestFormat(t *testing.T) {
	const want = "\x01\x01\x04web1\x13\x80\x9f\x8c\xb0\x0d" +
		"\x05route\x02\x07service\x05route\x05a\x00\xff\xc3\xa9\x09/orders/0\x10route.a.orders_0\x02" +
		"\x08requests\x05count\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" +
		"\x07latency\x03p99\x01\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x03all\x00\x03all\x01\x07clients\x08distinct\x01\x00\x00\x00\x00\x00\x00\xf0\x7f"
	var got []byte
	_ = samplePane(1).EachPart(math.MaxInt, func(part []byte) error { got = append(got, part...); return nil })
	if string(got) != want {
		t.Errorf("a pane is\n%q\nwant\n%q", got, want)
	}
	if p, err := DecodePart([]byte(want)); err != nil || !same(p, samplePane(1)) {
		t.Errorf("%v, or not what it was", err)
	}
	if _, err := DecodePart([]byte(strings.Replace(want, "p99\x01", "p99\x07", 1))); err == nil {
		t.Error("a point that is neither counter nor gauge is taken")
	}
	if p, err := DecodePart(append([]byte{version, 0, 0, 0, 0}, make([]byte, 1000)...)); err != nil || len(p.rows) > 0 {
		t.Errorf("series without points: %v, or %d rows", err, len(p.rows))
	}
}

// bits is all that a pane says, also where a value is no number.
func bits(p *Pane) string {
	s := fmt.Sprint(p.Shard, p.Start, p.End, p.Kind)
	for k := range p.All() {
		s += fmt.Sprintf(" %q %q %d %d %x", k.Series.Path, *k.Name, k.Count, k.Change, math.Float64bits(k.Value))
	}
	return s
}

func FuzzDecodePart(f *testing.F) {
	_ = samplePane(3).EachPart(1<<20, func(part []byte) error { f.Add(append([]byte(nil), part...)); return nil })
	f.Add([]byte{version, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{version, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, part []byte) {
		p, err := DecodePart(part)
		if err != nil {
			return
		}
		again := &Pane{}
		if err := p.EachPart(math.MaxInt, func(b []byte) error { again, err = DecodePart(b); return err }); err != nil {
			t.Fatalf("%x: %v", part, err)
		}
		if p.Len() > 0 && bits(again) != bits(p) {
			t.Errorf("%s became %s", bits(p), bits(again))
		}
	})
}
