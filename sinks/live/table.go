package live

import "strings"

// page is text being laid out for a terminal of so many columns. Lines are never longer.
type page struct {
	text  []byte
	width int
	color bool
	lines int
}

// The styles: what ECMA-48 calls select graphic rendition.
const (
	plain  = ""
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// line ends the line that was begun with put.
func (p *page) line() {
	p.text = append(p.text, '\n')
	p.lines++
}

// put appends s in style. The caller keeps the line within the width.
func (p *page) put(style, s string) {
	if p.color && style != plain {
		p.text = append(append(append(p.text, style...), s...), reset...)
		return
	}
	p.text = append(p.text, s...)
}

// say appends a line of text, cut to the width.
func (p *page) say(style, s string) {
	p.put(style, cut(s, p.width))
	p.line()
}

// column is one column of numbers, at the right.
type column struct {
	title string
	width int // with the space before it
	// value returns a cell's text and style.
	value func(f *Figures) (string, string)
}

// figures appends a table of one line.
func (p *page) figures(columns []column, f *Figures) {
	columns = p.fitting(columns, 0)
	for _, c := range columns {
		p.put(dim, right(c.title, c.width))
	}
	p.line()
	for _, c := range columns {
		text, style := c.value(f)
		p.cell(text, style, c.width)
	}
	p.line()
}

// nameColumns is how many columns are kept for names, at the least, before columns of numbers.
const nameColumns = 20

// routes appends a table of routes, each with its numbers and then its name, over several lines where it is long, on at most
// height lines, or as many as there are with height 0.
func (p *page) routes(columns []column, routes []Route, height int) {
	columns = p.fitting(columns, nameColumns+2)
	used := 0
	for _, c := range columns {
		p.put(dim, right(c.title, c.width))
		used += c.width
	}
	p.put(dim, "  route")
	p.line()
	several := severalServices(routes)
	first := p.lines
	for i := range routes {
		r := &routes[i]
		names := wrap(r.label(several), p.width-used-4)
		if height > 0 && p.lines-first+len(names) > height {
			return
		}
		for _, c := range columns {
			text, style := c.value(&r.Figures)
			p.cell(text, style, c.width)
		}
		p.put(plain, "  "+names[0])
		p.line()
		for _, more := range names[1:] {
			p.put(plain, strings.Repeat(" ", used+4)+more)
			p.line()
		}
	}
}

// fitting returns the first columns that fit beside spare more.
func (p *page) fitting(columns []column, spare int) []column {
	for i, c := range columns {
		if spare += c.width; spare > p.width {
			return columns[:i]
		}
	}
	return columns
}

// cell appends text at the right of n columns, with a space before it.
func (p *page) cell(text, style string, n int) {
	text = cut(text, n-1)
	p.put(plain, strings.Repeat(" ", max(0, n-width(text))))
	p.put(style, text)
}

func severalServices(routes []Route) bool {
	for i := range routes {
		if routes[i].Service != routes[0].Service {
			return true
		}
	}
	return false
}

// label returns the route's name as people say it: GET /orders/{id} (orders).
func (r *Route) label(service bool) string {
	s := r.Name
	if r.Method != "" && r.Method != "_none" {
		s = r.Method + " " + s
	}
	if service && r.Service != "" && r.Service != "_none" {
		s += " (" + r.Service + ")"
	}
	return s
}

func failed(f *Figures) (string, string) {
	style := plain
	switch errors := f.errors(); {
	case errors*20 >= f.Requests && errors > 0:
		style = red
	case errors*100 >= f.Requests && errors > 0:
		style = yellow
	}
	return percent(f.errors(), f.Requests), style
}

func class(n int) func(f *Figures) (string, string) {
	return func(f *Figures) (string, string) { return percent(f.Classes[n], f.Requests), plain }
}

func plainly(text func(f *Figures) string) func(f *Figures) (string, string) {
	return func(f *Figures) (string, string) { return text(f), plain }
}

var (
	columnP50 = column{"p50", 8, plainly(func(f *Figures) string { return seconds(f.P50) })}
	columnP95 = column{"p95", 8, plainly(func(f *Figures) string { return seconds(f.P95) })}
	columnP99 = column{"p99", 8, plainly(func(f *Figures) string { return seconds(f.P99) })}
	columnMax = column{"max", 8, plainly(func(f *Figures) string { return seconds(f.Max) })}
	column5xx = column{"5xx", 7, failed}
)

// columnRate is requests a second in a window of so many seconds.
func columnRate(window float64) column {
	return column{"req/s", 8, plainly(func(f *Figures) string { return rate(f.Requests, window) })}
}
