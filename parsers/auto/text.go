package auto

import (
	"bytes"

	"github.com/gatemeter/gatemeter/parsers/aws"
	"github.com/gatemeter/gatemeter/parsers/columns"
	"github.com/gatemeter/gatemeter/parsers/envoy"
	"github.com/gatemeter/gatemeter/parsers/field"
	"github.com/gatemeter/gatemeter/parsers/haproxy"
	"github.com/gatemeter/gatemeter/parsers/krakend"
	"github.com/gatemeter/gatemeter/parsers/pairs"
	"github.com/gatemeter/gatemeter/parsers/program"
	"github.com/gatemeter/gatemeter/parsers/squid"
	"github.com/gatemeter/gatemeter/parsers/traefik"
	"github.com/gatemeter/gatemeter/parsers/userjson"
	"github.com/gatemeter/gatemeter/parsers/w3c"
	"github.com/gatemeter/gatemeter/parsers/wso2"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
)

// reader is a parser of one format.
type reader interface {
	Read(r *record.Record) // as the parser's own; it may have failed r
	Reset(partition *batch.Partition)
	Format() string
}

// compileTexts fills f.texts.
func (f *Formats) compileTexts() error {
	layouts := map[shape]*columns.Layout{
		alb: aws.ALB(), clb: aws.CLB(), nlb: aws.NLB(), cloudFront: w3c.NewCloudFront(), squidText: squid.New(), tykCSV: columns.TykCSV(),
	}
	for s, l := range layouts {
		f.texts[s] = func() reader { return columns.NewParser(l) }
	}
	for s, m := range map[shape]*pairs.Mapping{
		tykAccess: pairs.TykAccess(), tykMap: pairs.TykPump(), logfmt: pairs.NewLogfmt(userjson.WellKnown()), ltsv: pairs.NewLTSV(userjson.WellKnown()),
	} {
		f.texts[s] = func() reader { return pairs.New(m) }
	}
	programs := map[shape]*program.Program{}
	for s, format := range map[shape]string{restCSV: aws.RestCSV, httpCSV: aws.HTTPCSV, restXML: aws.RestXML, httpXML: aws.HTTPXML} {
		p, err := aws.Gateway(format, nil)
		if err != nil {
			return err
		}
		p.Name = map[shape]string{
			restCSV: "aws_apigw_rest_csv", httpCSV: "aws_apigw_http_csv", restXML: "aws_apigw_rest_xml", httpXML: "aws_apigw_http_xml",
		}[s]
		programs[s] = p
	}
	var err error
	if programs[envoyText], err = envoy.Compile(envoy.Default, nil); err != nil {
		return err
	}
	if programs[istioText], err = envoy.Compile(envoy.Istio, nil); err != nil {
		return err
	}
	programs[istioText].Name, programs[istioText].Kind = "istio", "istio"
	for s, p := range programs {
		f.texts[s] = func() reader { return program.NewParser(p) }
	}
	gin, err := krakend.Compile()
	if err != nil {
		return err
	}
	f.texts[krakendText] = func() reader { return krakend.New(gin) }
	wso2Program, err := wso2.Compile()
	if err != nil {
		return err
	}
	f.texts[wso2Text] = func() reader { return wso2.New(wso2Program) }
	f.texts[iis] = func() reader { return w3c.NewHeaded(nil) }
	f.texts[haproxyText] = func() reader { return haproxy.New(nil) }
	lists, err := haproxy.CompileCLF(nil)
	if err != nil {
		return err
	}
	f.texts[haproxyList] = func() reader { return haproxy.NewCustom("haproxy_clf", lists...) }
	f.texts[traefikText] = func() reader { return traefik.New() }
	return nil
}

// readShape reads r.Line as what it looks like.
func (p *Parser) readShape(r *record.Record, s shape) {
	switch s {
	case jsonLine:
		p.readJSON(r)
		return
	case ssl:
		p.ssl.Read(r)
		p.format = p.ssl.Format()
		return
	case clfLine:
		p.readCLF(r)
		return
	case directive, selfLog:
		field.Pass(r)
		return
	case tykWrapped:
		p.readLog(r, "tyk_pump")
		return
	case unknown:
		r.Fail(record.UnknownFormat, -1)
		return
	case envoyText, istioText:
		if line := r.Line; line[0] == 'A' {
			r.Line = line[len(accessPrefix):]
			p.readShape(r, s)
			r.Line = line
			if r.Column > 0 {
				r.Column += int32(len(accessPrefix))
			}
			return
		}
	}
	p.texts[s].Read(r)
	p.format = p.texts[s].Format()
	switch {
	case r.Reason == record.None || r.Reason == record.Blank:
	case s == logfmt && isApplication(r.Line):
		reread(r)
		field.Pass(r) // what a gateway logs about itself in the same stream
	case r.Reason == record.NoTime && s != haproxyText || s == logfmt || s == ltsv:
		r.Fail(record.UnknownFormat, -1)
	}
}

// isApplication reports whether a line of logfmt is one of a program about itself, as logrus and slog write them.
func isApplication(line []byte) bool {
	return bytes.Contains(line, []byte("level=")) && bytes.Contains(line, []byte(" msg="))
}

// readLog reads r.Line as the JSON format name.
func (p *Parser) readLog(r *record.Record, name string) {
	for _, l := range p.logs {
		if l.Format() == name {
			l.Read(r)
			p.format = name
			return
		}
	}
}
