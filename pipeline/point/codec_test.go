package point

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
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
			Point{Series: s, Name: &Name{Metric: "latency", Stat: "p99", Kind: Gauge}, Value: 0.1 * float64(i)})
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
		if p.Len() > 0 && fmt.Sprint(again.Len(), again.Shard, again.Start, again.End) != fmt.Sprint(p.Len(), p.Shard, p.Start, p.End) {
			t.Errorf("%+v became %+v", p, again)
		}
	})
}
