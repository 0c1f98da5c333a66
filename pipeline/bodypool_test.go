package pipeline

import "testing"

func TestBodyPool(t *testing.T) {
	var p bodyPool
	if b := p.get(); cap(b.Bytes) != 0 {
		t.Errorf("the first body has room for %d bytes before anything is known", cap(b.Bytes))
	}
	p.put(&Body{Bytes: make([]byte, 8000), Docs: 7, Done: func(*Body) {}})
	if b := p.get(); cap(b.Bytes) != 8000 || len(b.Bytes) != 0 || b.Docs != 0 || b.Done != nil {
		t.Errorf("not the body that was put back, emptied: %d bytes of %d", len(b.Bytes), cap(b.Bytes))
	}
	if b := p.get(); cap(b.Bytes) != 9000 {
		t.Errorf("a new body has room for %d bytes, want 9000", cap(b.Bytes))
	}
	for range 1000 {
		p.put(&Body{Bytes: make([]byte, 80)})
	}
	p = bodyPool{room: p.room}
	if b := p.get(); cap(b.Bytes) > 200 {
		t.Errorf("long after a long body there is room for %d bytes", cap(b.Bytes))
	}
}

func TestBodyPoolIsBounded(t *testing.T) {
	var p bodyPool
	p.put(&Body{Bytes: make([]byte, maxBody+1)})
	if len(p.free) != 0 {
		t.Error("a body longer than maxBody was kept")
	}
	if b := p.get(); cap(b.Bytes) > maxBody {
		t.Errorf("a new body has room for %d bytes", cap(b.Bytes))
	}
	long := make([]byte, maxBody)
	for range 3 * maxBodies / maxBody {
		p.put(&Body{Bytes: long})
	}
	if p.kept > maxBodies || len(p.free) != maxBodies/maxBody {
		t.Errorf("%d bodies of %d bytes were kept", len(p.free), p.kept)
	}
	for range maxBodies / maxBody {
		p.get()
	}
	if p.kept != 0 || len(p.free) != 0 {
		t.Errorf("%d bytes of %d bodies are left of none", p.kept, len(p.free))
	}
}
