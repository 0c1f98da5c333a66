package grok

import (
	"maps"
	"slices"

	"github.com/elastic/go-grok/patterns"
)

// libraries are go-grok's patterns. Of a name that several have the first counts. They are never written.
var libraries = [...]map[string]string{
	patterns.Default, patterns.Httpd, patterns.AWS, patterns.HAProxy, patterns.Squid, patterns.Syslog, patterns.Java, patterns.Firewalls,
	patterns.Rails, patterns.Ruby, patterns.Redis, patterns.PostgreSQL, patterns.MongoDB, patterns.Bind9, patterns.Bro, patterns.Exim,
	patterns.Junos, patterns.Maven, patterns.MCollective,
}

// definition returns what a pattern stands for: the user's own before the libraries'.
func (e *expander) definition(name string) (string, bool) {
	if d, ok := e.own[name]; ok {
		return d, true
	}
	for _, library := range libraries {
		if d, ok := library[name]; ok {
			return d, true
		}
	}
	return "", false
}

func allNames() []string {
	var names []string
	for _, library := range libraries {
		names = slices.AppendSeq(names, maps.Keys(library))
	}
	slices.Sort(names)
	return names
}
