// Package address reads addresses as logs have them, without an allocation whatever stands there.
package address

import (
	"net/netip"
	"unsafe"
)

// maxText is the longest form of an address: eight groups, the last two written as IPv4.
const maxText = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// Parse returns the IPv4 or IPv6 address that text is, and whether it is one. A zone (`%eth0`) is left aside, and an IPv4
// address in IPv6 form (`::ffff:10.0.0.1`) is the IPv4 address. Nothing of text is kept.
func Parse(text []byte) (netip.Addr, bool) {
	// netip.ParseAddr allocates its error, so what is plainly none (a host's name, a port behind it) must not get there.
	dots, colons, hex := 0, 0, 0
	for i, c := range text {
		switch {
		case c == '%' && colons > 1:
			text = text[:i] // the zone: netip would keep it
		case c == '.':
			dots++
			continue
		case c == ':':
			colons++
			continue
		case '0' <= c && c <= '9':
			continue
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			hex++
			continue
		default:
			return netip.Addr{}, false
		}
		break
	}
	if len(text) > maxText || colons < 2 && (colons > 0 || hex > 0 || dots != 3) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(text), len(text)))
	return a.Unmap(), err == nil
}
