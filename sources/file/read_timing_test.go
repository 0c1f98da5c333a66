package file

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// BenchmarkRead is a run that reads once, as fast as batches are taken.
func BenchmarkRead(b *testing.B) {
	for _, ending := range []string{"", ".gz", ".zst"} {
		b.Run("plain"+ending, func(b *testing.B) {
			content := numbered(0, 1_000_000)
			t := &testing.T{}
			folder := b.TempDir()
			if ending == "" {
				write(t, filepath.Join(folder, "a.log"), content)
			} else {
				write(t, filepath.Join(folder, "a.log"+ending), compressed(t, content, ending))
			}
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			pool := batch.NewPool(256<<10, 4<<20)
			for b.Loop() {
				src, err := New(Settings{
					Name: "edge", Shard: "host", Paths: []string{filepath.Join(folder, "a.log*")}, Once: true, Pool: pool,
					Now: time.Now, Log: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := src.Open(b.Context(), nil); err != nil {
					b.Fatal(err)
				}
				out := make(chan *batch.Batch)
				go func() {
					defer close(out)
					if err := src.Run(b.Context(), out); err != nil {
						b.Error(err)
					}
				}()
				n := 0
				for batch := range out {
					n += len(batch.Data)
					batch.Release()
				}
				if n != len(content) {
					b.Fatalf("%d bytes, want %d", n, len(content))
				}
			}
		})
	}
}
