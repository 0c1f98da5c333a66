package envelope

import "bytes"

// maxRepeated bounds how much longer than a request of OpenTelemetry its records may be all together: what the request says once of
// their resource stands in each of them.
const maxRepeated = 32

// otlp emits the log records of a request of OpenTelemetry, each as a request of its own with the resource that it is of, and
// reports whether it has. It has not when there is but one record, the request is not as the protocol has it, or the records of the
// payload would be too long all together: then it is passed on as it stands.
//
// Source: ExportLogsServiceRequest in opentelemetry-proto, in its JSON form.
func (s *Splitter) otlp(request, resourceLogs []byte, emit func([]byte)) bool {
	const begin, resourceKey, logs, end = `{"resourceLogs":[{`, `"resource":`, `"scopeLogs":[{"logRecords":[`, `]}]}]}`
	n, total := 0, 0
	whole := eachLog(resourceLogs, func(resource, log []byte) {
		n++
		total += len(begin+resourceKey+logs+end) + 1 + len(resource) + len(log)
	})
	if !whole || n < 2 || total > maxRepeated*len(request) || s.repeated+total > s.most() {
		return false
	}
	s.repeated += total
	return eachLog(resourceLogs, func(resource, log []byte) {
		dst := append(s.scratch[:0], begin...)
		if len(resource) > 0 {
			dst = append(append(append(dst, resourceKey...), resource...), ',')
		}
		dst = append(append(append(dst, logs...), log...), end...)
		s.scratch = dst
		emit(dst)
	})
}

// eachLog calls f with each log record in resourceLogs and its resource, nil when it has none, and reports whether all is as it
// should be.
func eachLog(resourceLogs []byte, f func(resource, log []byte)) bool {
	ok := true
	each := func(a []byte, f func([]byte)) {
		if !ok || len(a) == 0 { // the protocol's JSON leaves out what is empty
			return
		}
		ok = a[0] == '[' && eachElement(a, func(e []byte) {
			if ok = ok && e[0] == '{'; ok {
				f(e)
			}
		}) && ok
	}
	each(resourceLogs, func(of []byte) {
		resource := member(of, "resource")
		each(member(of, "scopeLogs"), func(scope []byte) {
			each(member(scope, "logRecords"), func(log []byte) { f(bytes.TrimSpace(resource), log) })
		})
	})
	return ok
}
