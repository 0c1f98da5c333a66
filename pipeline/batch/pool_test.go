package batch

import "testing"

// TestMemoryIsKept is that batches take over the memory of those before them, but not that of many short lines.
func TestMemoryIsKept(t *testing.T) {
	p := NewPool(1<<16, 0)
	const lines = 100
	fill := func(n int) *Batch {
		b := p.Get(nil)
		b.MakeLines(lines)
		if len(b.Data)+len(b.Ends)+len(b.Times) != 0 || cap(b.Data) < p.Size() || cap(b.Ends) < lines || cap(b.Times) < lines {
			t.Fatalf("a batch has %d of %d bytes, %d of %d ends, %d of %d times",
				len(b.Data), cap(b.Data), len(b.Ends), cap(b.Ends), len(b.Times), cap(b.Times))
		}
		for i := range n {
			b.Data, b.Ends, b.Times = append(b.Data, '\n'), append(b.Ends, int32(i+1)), append(b.Times, 1)
		}
		return b
	}
	fill(lines).Release()
	if n := testing.AllocsPerRun(100, func() { fill(lines).Release() }); n > 1 { // the batch itself
		t.Errorf("%v allocations for a batch like the one before", n)
	}
	fill(10 * p.Size() / shortLine).Release()
	if b := fill(0); cap(b.Ends) > p.Size()/shortLine {
		t.Errorf("room for %d ends was kept", cap(b.Ends))
	}
	unpooled := &Batch{}
	unpooled.MakeLines(3)
	unpooled.Release()
	if cap(unpooled.Ends) < 3 || cap(unpooled.Times) < 3 {
		t.Errorf("a batch without a pool has room for %d ends and %d times", cap(unpooled.Ends), cap(unpooled.Times))
	}
}

// TestMakeLinesIsNotNil: a batch without Ends would be cut at its newlines.
func TestMakeLinesIsNotNil(t *testing.T) {
	b := NewPool(1<<16, 0).Get(nil)
	if b.MakeLines(0); b.Ends == nil || b.Times == nil {
		t.Errorf("ends %v, times %v", b.Ends, b.Times)
	}
}
