package columns

import (
	"strings"

	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// tykColumns are those of Tyk Pump's csv files; the pump writes them as a file's first line.
const tykColumns = "Method,Host,Path,RawPath,ContentLength,UserAgent,Day,Month,Year,Hour,ResponseCode,APIKey,TimeStamp,APIVersion,APIName," +
	"APIID,OrgID,OauthID,RequestTime,RawRequest,RawResponse,IPAddress,GeoData.Country.ISOCode,GeoData.City.GeoNameID,GeoData.City.Names," +
	"GeoData.Location.Latitude,GeoData.Location.Longitude,GeoData.Location.TimeZone,NetworkStats.OpenConnections," +
	"NetworkStats.ClosedConnection,NetworkStats.BytesIn,NetworkStats.BytesOut,Latency.Total,Latency.Upstream,Latency.Gateway,Tags,Alias," +
	"TrackPath,ExpireAt,ApiSchema,OriginalPath,ListenPath"

// TykCSV returns the layout of Tyk Pump's csv files. The time is the request's end; lengths of time are milliseconds.
//
// Source: tyk-pump's analytics.GetFieldNames and GetLineValues.
func TykCSV() *Layout {
	ops := map[string]field.Op{
		"Method": {Action: field.Text, Field: record.Method}, "Host": {Action: field.HostPort, Field: record.Domain},
		"RawPath": {Action: field.Text, Field: record.URL}, "OriginalPath": {Action: field.Text, Field: record.URL},
		"ContentLength": {Action: field.Number, Field: record.RequestBodyBytes}, "UserAgent": {Action: field.Text, Field: record.UserAgent},
		"ResponseCode": {Action: field.Number, Field: record.Status}, "TimeStamp": {Action: field.TimeGo, Field: record.Time},
		"APIName": {Action: field.Text, Field: record.Service}, "Alias": {Action: field.Text, Field: record.Consumer},
		"RequestTime": {Action: field.Span, Field: record.Duration, Unit: field.Milliseconds},
		"IPAddress":   {Action: field.Text, Field: record.ClientAddress},
	}
	for name, f := range map[string]record.Field{"Latency.Upstream": record.UpstreamDuration, "Latency.Gateway": record.GatewayDuration} {
		ops[name] = field.Op{Action: field.Span, Field: f, Unit: field.Milliseconds}
	}
	l := &Layout{Name: "tyk_pump_csv", Kind: "tyk", Separator: ',', Quoting: Doubled, Least: 22, Header: "Method,Host,"}
	total, path, tracked, oauth := 0, 0, 0, 0
	for i, name := range strings.Split(tykColumns, ",") {
		l.Columns = append(l.Columns, Column{Name: name, Op: ops[name]})
		switch name {
		case "Latency.Total":
			total = i
		case "Path":
			path = i
		case "TrackPath":
			tracked = i
		case "OauthID":
			oauth = i
		}
	}
	l.Finish = func(r *record.Record, values [][]byte) (record.Reason, int) {
		if len(values) > tracked && string(values[tracked]) == "true" {
			r.Route = values[path] // the pattern of the endpoint's definition
		}
		if len(r.URL) == 0 {
			r.URL = values[path]
		}
		if len(r.Consumer) == 0 {
			r.Consumer = values[oauth]
		}
		switch {
		case r.DurationNanos > 0 && len(values) > total && string(values[total]) == "0": // a gateway that did not measure its parts
			r.UpstreamNanos, r.GatewayNanos = record.Absent, record.Absent
		case r.Status >= 400 && r.UpstreamNanos == 0: // it refused the request
			r.UpstreamNanos, r.GatewayNanos = record.Absent, record.Absent
		}
		return record.None, 0
	}
	return l
}
