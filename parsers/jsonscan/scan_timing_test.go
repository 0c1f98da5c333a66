package jsonscan

import "testing"

func BenchmarkSkip(b *testing.B) {
	line := []byte(`{"response":{"size":9982,"headers":{"content-length":"9593","date":"Thu, 19 Sep 2024 22:10:39 GMT","via":"1.1 kong"}},` +
		`"request":{"id":"2f6946328ffc4946b8c9120704a4a155","headers":{"accept":"*\/*","user-agent":"HTTPie\/3.2.3"},"uri":"\/example"}}`)
	s := &Scanner{}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		s.Start(line)
		for s.Next() {
		}
	}
}
