package jsonlog

// schemas are the formats, in the order in which they are tried where the signs of several are there: those of fewer users'
// own names first. The table is never written.
var schemas = [...]*schema{
	tykPump, tykAccess, traefik, caddy, cloudflare, azureFrontDoor, azureAppGW, azureAPIM, gcpEndpoints, gcpLoadBalancer,
	otel, ecsDocument, istio, envoy, gravitee, apisix, nginxJSON, fastly, krakend, awsAPIGateway,
}

// Names returns the names of all formats.
func Names() []string {
	names := make([]string, len(schemas))
	for i, s := range schemas {
		names[i] = s.name
	}
	return names
}
