package loggen

import "strings"

// route is one route of the gateway. The table's order is that of how often a route is asked for.
type route struct {
	service string // what the gateway proxies to
	name    string // the gateway's own name of the route
	method  string
	path    string // {n} is a number, {u} a UUID, {h} sixteen hexadecimal digits
	query   string // appended to one request in three, after `?`; empty for none
	micros  int64  // median of the request's duration
	spread  int64  // of the duration, in octaves of 2^-16
	size    int64  // median of the response's body, in bytes

	index int      // in routes
	parts []string // path cut behind each id's opening: filled, as index and ids, by compile
	ids   []byte   // the kind of the id after parts[i]
}

const (
	narrow = 1 << 15 // half an octave
	usual  = 1 << 16
	wide   = 3 << 15
)

// routes is forty routes of twelve services.
var routes = compile([]route{
	{service: "orders", name: "get_order", method: "GET", path: "/api/v1/orders/{n}", micros: 34_000, spread: usual, size: 1_900},
	{service: "catalog", name: "get_product", method: "GET", path: "/api/v1/products/{n}", micros: 12_000, spread: usual, size: 3_400},
	{service: "users", name: "get_me", method: "GET", path: "/api/v1/me", micros: 6_000, spread: narrow, size: 640},
	{service: "search", name: "search_products", method: "GET", path: "/api/v1/search", query: "q=shoes&page=2", micros: 120_000, spread: wide, size: 14_000},
	{service: "cart", name: "get_cart", method: "GET", path: "/api/v1/carts/{u}", micros: 9_000, spread: usual, size: 1_100},
	{service: "auth", name: "create_token", method: "POST", path: "/oauth/token", micros: 85_000, spread: narrow, size: 900},
	{service: "media", name: "get_image", method: "GET", path: "/media/images/{h}.jpg", micros: 18_000, spread: wide, size: 52_000},
	{service: "inventory", name: "get_stock", method: "GET", path: "/api/v1/stock/{n}", micros: 5_000, spread: usual, size: 210},
	{service: "catalog", name: "list_products", method: "GET", path: "/api/v1/products", query: "limit=50&offset=100", micros: 48_000, spread: usual, size: 22_000},
	{service: "orders", name: "list_orders", method: "GET", path: "/api/v1/orders", query: "status=open", micros: 75_000, spread: usual, size: 9_500},
	{service: "cart", name: "add_item", method: "POST", path: "/api/v1/carts/{u}/items", micros: 21_000, spread: usual, size: 700},
	{service: "reviews", name: "list_reviews", method: "GET", path: "/api/v2/products/{n}/reviews", query: "sort=newest", micros: 26_000, spread: usual, size: 6_200},
	{service: "payments", name: "create_payment", method: "POST", path: "/api/v1/payments", micros: 240_000, spread: wide, size: 820},
	{service: "notifications", name: "list_notifications", method: "GET", path: "/api/v1/users/{n}/notifications", micros: 15_000, spread: usual, size: 2_300},
	{service: "users", name: "get_user", method: "GET", path: "/api/v1/users/{n}", micros: 8_000, spread: narrow, size: 980},
	{service: "shipping", name: "track_parcel", method: "GET", path: "/api/v1/parcels/{h}", micros: 64_000, spread: wide, size: 1_500},
	{service: "orders", name: "create_order", method: "POST", path: "/api/v1/orders", micros: 160_000, spread: usual, size: 1_200},
	{service: "auth", name: "introspect_token", method: "POST", path: "/oauth/introspect", micros: 3_000, spread: narrow, size: 330},
	{service: "search", name: "suggest", method: "GET", path: "/api/v1/suggest", query: "q=sho", micros: 7_000, spread: usual, size: 480},
	{service: "media", name: "get_thumbnail", method: "GET", path: "/media/thumbnails/{h}.webp", micros: 9_000, spread: usual, size: 7_800},
	{service: "inventory", name: "reserve_stock", method: "PUT", path: "/api/v1/stock/{n}/reservation", micros: 19_000, spread: usual, size: 260},
	{service: "cart", name: "remove_item", method: "DELETE", path: "/api/v1/carts/{u}/items/{n}", micros: 14_000, spread: usual, size: 0},
	{service: "shipping", name: "list_rates", method: "GET", path: "/api/v1/shipping/rates", query: "country=PT&weight=1200", micros: 110_000, spread: usual, size: 2_700},
	{service: "catalog", name: "list_categories", method: "GET", path: "/api/v1/categories", micros: 4_000, spread: narrow, size: 11_000},
	{service: "payments", name: "get_payment", method: "GET", path: "/api/v1/payments/{u}", micros: 31_000, spread: usual, size: 1_050},
	{service: "reviews", name: "create_review", method: "POST", path: "/api/v2/products/{n}/reviews", micros: 44_000, spread: usual, size: 540},
	{service: "users", name: "update_user", method: "PATCH", path: "/api/v1/users/{n}", micros: 39_000, spread: usual, size: 980},
	{service: "notifications", name: "mark_read", method: "PUT", path: "/api/v1/users/{n}/notifications/{u}", micros: 11_000, spread: narrow, size: 0},
	{service: "orders", name: "cancel_order", method: "DELETE", path: "/api/v1/orders/{n}", micros: 58_000, spread: usual, size: 0},
	{service: "shipping", name: "create_label", method: "POST", path: "/api/v1/orders/{n}/label", micros: 420_000, spread: wide, size: 31_000},
	{service: "auth", name: "revoke_token", method: "POST", path: "/oauth/revoke", micros: 12_000, spread: narrow, size: 0},
	{service: "orders", name: "get_invoice", method: "GET", path: "/api/v1/orders/{n}/invoice.pdf", micros: 310_000, spread: usual, size: 88_000},
	{service: "payments", name: "refund_payment", method: "POST", path: "/api/v1/payments/{u}/refund", micros: 280_000, spread: wide, size: 610},
	{service: "catalog", name: "get_variant", method: "GET", path: "/api/v1/products/{n}/variants/{n}", micros: 10_000, spread: usual, size: 1_700},
	{service: "media", name: "upload_image", method: "POST", path: "/media/images", micros: 520_000, spread: wide, size: 380},
	{service: "inventory", name: "list_warehouses", method: "GET", path: "/api/v1/warehouses", micros: 9_000, spread: narrow, size: 4_100},
	{service: "orders", name: "export_orders", method: "GET", path: "/api/v1/exports/{h}.csv", micros: 1_900_000, spread: wide, size: 420_000},
	{service: "users", name: "head_user", method: "HEAD", path: "/api/v1/users/{n}", micros: 5_000, spread: narrow, size: 0},
	{service: "search", name: "preflight", method: "OPTIONS", path: "/api/v1/search", micros: 1_000, spread: narrow, size: 0},
	{service: "notifications", name: "subscribe", method: "POST", path: "/api/v1/webhooks/{u}/subscriptions", micros: 27_000, spread: usual, size: 450},
})

// compile cuts each path at its ids.
func compile(routes []route) []route {
	for i := range routes {
		r, rest := &routes[i], routes[i].path
		r.index = i
		for {
			before, after, found := strings.Cut(rest, "{")
			r.parts = append(r.parts, before)
			if !found {
				break
			}
			r.ids = append(r.ids, after[0])
			rest = after[2:]
		}
	}
	return routes
}

// outcome is a status and how often it is answered.
type outcome struct {
	status int32
	share  int // of a thousand
}

// failures is what is answered when it is no success: 50 of a thousand.
var failures = [...]outcome{
	{304, 15},
	{404, 9},
	{401, 6},
	{429, 4},
	{400, 4},
	{403, 2},
	{499, 1},
	{500, 4},
	{502, 2},
	{503, 2},
	{504, 1},
}

// success is the status of a success of method.
func success(method string) int32 {
	switch method {
	case "POST":
		return 201
	case "DELETE", "OPTIONS":
		return 204
	}
	return 200
}

// gatewayTimeout is how long the gateway waits for an upstream, in milliseconds. Requests that are answered take no longer.
const gatewayTimeout = 30_000

var userAgents = [...]string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
	"Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
	"Shop/4.12.0 (Android 15; Pixel 9)",
	"Shop/4.11.2 (iOS 18.1; iPhone16,2)",
	"okhttp/4.12.0",
	"python-requests/2.32.3",
	"curl/8.7.1",
}

var referrers = [...]string{
	"-", "-", "-", "https://shop.example.com/", "https://shop.example.com/products", "https://www.example.org/search",
}
