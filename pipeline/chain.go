package pipeline

import "slices"

// A chain is rollups of which each has all the dimensions of the next coarser one: route [service, route, method] ⊃ service
// [service] ⊃ all []. A record is counted once for a chain, under its finest rollup; the coarser ones are merged from that
// when a pane leaves, which gives the same numbers because values merge.
type chain struct {
	index  int
	dims   []Dimension // the finest rollup's; those of coarser levels come first
	levels []level     // coarsest first

	services, routes, methods bool // it has Service, Route, Method
	quick                     bool // it has Route, and besides at most these: its series are in recent
}

// level is one rollup in its chain.
type level struct {
	rollup Rollup
	width  int   // how many of chain.dims it has
	order  []int // where each of the rollup's dimensions, as the user ordered them, is in chain.dims
}

// maxLevels bounds a chain's length, so that a series' key positions fit into an array.
const maxLevels = 8

// makeChains spreads rollups over as few chains as a greedy choice needs.
func makeChains(rollups []Rollup) []*chain {
	finest := slices.Clone(rollups)
	slices.SortStableFunc(finest, func(a, b Rollup) int { return len(b.Dimensions) - len(a.Dimensions) })
	var groups [][]Rollup // finest first
next:
	for _, r := range finest {
		for i, g := range groups {
			if last := g[len(g)-1]; len(g) < maxLevels && contains(last.Dimensions, r.Dimensions) {
				groups[i] = append(g, r)
				continue next
			}
		}
		groups = append(groups, []Rollup{r})
	}
	chains := make([]*chain, len(groups))
	for i, g := range groups {
		c := &chain{index: i}
		for _, r := range slices.Backward(g) {
			for _, d := range r.Dimensions {
				if !slices.Contains(c.dims, d) {
					c.dims = append(c.dims, d)
				}
			}
			l := level{rollup: r, width: len(c.dims)}
			for _, d := range r.Dimensions {
				l.order = append(l.order, slices.Index(c.dims, d))
			}
			c.levels = append(c.levels, l)
		}
		c.services, c.routes, c.methods = slices.Contains(c.dims, Service), slices.Contains(c.dims, Route), slices.Contains(c.dims, Method)
		c.quick = c.routes && contains([]Dimension{Service, Route, Method}, c.dims)
		chains[i] = c
	}
	return chains
}

func contains(all, some []Dimension) bool {
	for _, d := range some {
		if !slices.Contains(all, d) {
			return false
		}
	}
	return true
}
