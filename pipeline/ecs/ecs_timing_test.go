package ecs_test

import (
	"testing"

	"github.com/gatemeter/gatemeter/pipeline/ecs"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

func BenchmarkAppend(b *testing.B) {
	o := &ecs.Options{Document: true, Dataset: "edge", Path: "/var/log/nginx/access.log", Shard: "web1"}
	f := func(name string, r *record.Record) {
		b.Run(name, func(b *testing.B) {
			dst := ecs.Append(nil, r, o)
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = ecs.Append(dst[:0], r, o)
			}
		})
	}
	f("every_field", full())
	combined := full()
	for _, field := range []record.Field{
		record.Domain, record.Scheme, record.RequestID, record.TraceID, record.TLSVersion, record.TLSCipher,
		record.Consumer, record.Stage, record.Cache, record.UpstreamAddress, record.Flags,
	} {
		*combined.Text(field) = nil
	}
	for _, field := range []record.Field{
		record.UpstreamStatus, record.Tries, record.ClientPort, record.RequestBytes, record.RequestBodyBytes, record.ResponseBytes,
		record.Duration, record.UpstreamDuration, record.GatewayDuration,
	} {
		combined.SetNumber(field, record.Absent)
	}
	f("combined", combined)
	malformed := full()
	malformed.Fail(record.Unexpected, 17)
	f("malformed", malformed)
}
