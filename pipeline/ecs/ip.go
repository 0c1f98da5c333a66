package ecs

// isIP reports whether a is an IPv4 or IPv6 address in text form (RFC 4291 section 2.2), without brackets and zone. It
// agrees with netip.ParseAddr, which allocates an error for each address that is none.
func isIP(a []byte) bool {
	for _, c := range a[:min(len(a), 5)] { // the first group of an IPv6 address has at most four digits
		switch c {
		case '.':
			return isIPv4(a)
		case ':':
			return isIPv6(a)
		}
	}
	return false
}

// isIPv4 reports whether a is four numbers up to 255 with dots between them. A leading zero is refused: some read it as octal.
func isIPv4(a []byte) bool {
	dots, digits, number := 0, 0, 0
	for _, c := range a {
		switch {
		case '0' <= c && c <= '9':
			if digits > 0 && number == 0 {
				return false
			}
			number = number*10 + int(c-'0')
			digits++
			if number > 255 {
				return false
			}
		case c == '.' && digits > 0 && dots < 3:
			dots++
			digits, number = 0, 0
		default:
			return false
		}
	}
	return dots == 3 && digits > 0
}

// isIPv6 reports whether a is eight groups of up to four hex digits with colons between them, of which one run of zeros may be
// `::` and the last two may be an IPv4 address.
func isIPv6(a []byte) bool {
	groups, gap := 0, false
	i := 0
	if len(a) >= 2 && a[0] == ':' && a[1] == ':' {
		gap = true
		if i = 2; i == len(a) {
			return true
		}
	}
	for {
		digits := 0
		for i+digits < len(a) && isHex(a[i+digits]) {
			if digits++; digits > 4 {
				return false
			}
		}
		if i+digits < len(a) && a[i+digits] == '.' {
			groups += 2
			return isIPv4(a[i:]) && (groups == 8 && !gap || groups < 8 && gap)
		}
		if digits == 0 {
			return false
		}
		groups++
		i += digits
		switch {
		case i == len(a):
			return groups == 8 && !gap || groups < 8 && gap
		case a[i] != ':' || groups == 8:
			return false
		}
		i++
		switch {
		case i == len(a):
			return false // ends in one colon
		case a[i] == ':':
			if gap {
				return false
			}
			gap = true
			if i++; i == len(a) {
				return groups < 8
			}
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
