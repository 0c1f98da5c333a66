package live

import "github.com/gatemeter/gatemeter/pipeline/point"

// maxRoutes is how many routes Totals tells apart; later ones are added up under one name.
const maxRoutes = 10_000

// otherRoutes names what is past maxRoutes.
const otherRoutes = "(more routes)"

// Totals are what all panes so far say. Counts are exact; percentiles are the highest of a window.
type Totals struct {
	Windows     int   // that left
	Width       int64 // of a window, seconds
	First, Last int64 // start of the first window and end of the last, Unix seconds
	All         Figures
	Routes      []Route

	rollup string
	index  map[string]int // of Routes, by series path
}

func newTotals() *Totals { return &Totals{All: noFigures, index: map[string]int{}} }

// add notes what pane changes.
func (t *Totals) add(pane *point.Pane) {
	if pane.Kind != point.Late {
		t.Windows++
	}
	t.Width = pane.End - pane.Start
	if t.First == 0 && t.Last == 0 {
		t.First, t.Last = pane.Start, pane.End
	}
	t.First, t.Last = min(t.First, pane.Start), max(t.Last, pane.End)

	var series *point.Series
	var into *Figures
	for p := range pane.All() {
		if p.Series != series {
			series, into = p.Series, t.figures(p.Series)
		}
		if into != nil {
			into.take(&p, p.Change)
		}
	}
}

// figures returns where the values of s are added up, nil when they are not.
func (t *Totals) figures(s *point.Series) *Figures {
	if i, known := t.index[s.Path]; known {
		return &t.Routes[i].Figures
	}
	is, r := placeOf(s)
	switch {
	case is == overall:
		return &t.All
	case is == elsewhere, t.rollup != "" && t.rollup != s.Rollup:
		return nil
	}
	t.rollup = s.Rollup
	path := s.Path
	if len(t.Routes) >= maxRoutes {
		path, r = "", Route{Name: otherRoutes, Figures: noFigures}
		if i, known := t.index[path]; known {
			return &t.Routes[i].Figures
		}
	}
	t.index[path] = len(t.Routes)
	t.Routes = append(t.Routes, r)
	return &t.Routes[len(t.Routes)-1].Figures
}
