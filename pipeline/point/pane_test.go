package point

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// TestPane: a pane has the points that its builder was given, whatever the builder made before and makes after.
func TestPane(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	names := []*Name{
		{Metric: "requests", Stat: "count"}, {Metric: "latency", Stat: "p99", Kind: Gauge}, {Metric: "requests", Stat: "5xx"}, {Metric: "clients", Stat: "distinct", Kind: Gauge},
	}
	var b Builder
	var panes []*Pane
	var wants [][]Point
	for range 300 {
		var want []Point
		var rows [][]Point
		news := r.IntN(2) == 0 // a counter may have a change of its own
		for range r.IntN(6) {
			s := &Series{Path: "a"}
			if len(rows) > 0 && r.IntN(3) == 0 {
				of := r.IntN(len(rows))
				row := slices.Clone(rows[of])
				for i := range row {
					row[i].Series = s
				}
				if got := b.Again(s, of); got != len(rows) {
					t.Fatalf("row %d, want %d", got, len(rows))
				}
				rows = append(rows, row)
				continue
			}
			var row []Point
			for _, name := range names[r.IntN(3) : 2+r.IntN(3)] {
				p := Point{Series: s, Name: name}
				if name.Kind == Gauge {
					p.Value = r.Float64()
					b.Gauge(p.Value)
				} else {
					p.Count = r.Int64()
					if p.Change = p.Count; news && r.IntN(3) == 0 {
						p.Change = r.Int64N(3)
					}
					b.Counter(p.Count, p.Change)
				}
				row = append(row, p)
			}
			if got := b.Row(s, namesOf(row)); got != len(rows) {
				t.Fatalf("row %d, want %d", got, len(rows))
			}
			rows = append(rows, row)
		}
		want = slices.Concat(rows...)
		p := &Pane{Shard: "a"}
		b.Pane(p)
		panes, wants = append(panes, p, NewPane(Pane{Shard: "a"}, want...)), append(wants, want, want)
	}
	for i, p := range panes {
		if got := slices.Collect(p.All()); p.Len() != len(wants[i]) || len(got) != p.Len() || len(got) > 0 && !reflect.DeepEqual(got, wants[i]) {
			t.Fatalf("pane %d of %d points: %+v, want %+v", i, p.Len(), got, wants[i])
		}
	}
}

func namesOf(row []Point) (names []*Name) {
	for _, p := range row {
		names = append(names, p.Name)
	}
	return names
}

// TestAnotherPane: of a pane that is copied to make another nothing is left in that.
func TestAnotherPane(t *testing.T) {
	s, name := &Series{}, &Name{Metric: "requests", Stat: "count"}
	p := NewPane(Pane{Shard: "a"}, Point{Series: s, Name: name, Count: 9, Change: 2})
	again := NewPane(*p, Point{Series: s, Name: name, Count: 7, Change: 7}, Point{Series: s, Name: name, Count: 8, Change: 8})
	for k := range again.All() {
		if k.Change != k.Count {
			t.Errorf("%+v", k)
		}
	}
	if again.Shard != "a" || again.Len() != 2 || p.Len() != 1 {
		t.Errorf("%+v of %+v", again, p)
	}
}

// TestReaderGoesOn: a copy of a reader is where the reader was, also between rows.
func TestReaderGoesOn(t *testing.T) {
	pane := samplePane(3)
	all := slices.Collect(pane.All())
	var p Point
	r := pane.Read()
	for i := range all {
		again := r
		for _, want := range all[i:] {
			if !again.Next(&p) || p != want {
				t.Fatalf("from point %d on: %+v, want %+v", i, p, want)
			}
		}
		for range 2 {
			if again.Next(&p) {
				t.Fatal("a point behind the last")
			}
		}
		r.Next(&p)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	pane := samplePane(100)
	sum := int64(0)
	if n := testing.AllocsPerRun(100, func() {
		var p Point
		for r := pane.Read(); r.Next(&p); {
			sum += p.Count
		}
	}); n != 0 || sum == 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRowOfOtherNames: a row must have a number for each name, and each number a row.
func TestRowOfOtherNames(t *testing.T) {
	f := func(end func(*Builder)) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		var b Builder
		b.Counter(1, 1)
		end(&b)
	}
	f(func(b *Builder) { b.Row(&Series{}, nil) })
	f(func(b *Builder) { b.Pane(&Pane{}) })
}
