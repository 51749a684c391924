package ftp

import "bytes"

// commands lists the names that are known, without the blank that may follow. A request begins with one of them in
// any case; longer names stand before their prefixes.
var commands = [...]string{
	"ABOR", "ACCT", "ALLO", "APPE", "AUTH TLS", "CDUP", "CHMOD", "CWD", "DELE", "EPSV", "HELP", "IDLE", "LIST", "MAIL",
	"MDTM", "MKD", "MLFL", "MODE", "MRCP", "MRSQ", "MSAM", "MSND", "MSOM", "NLST", "NOOP", "PASS", "PASV", "PORT", "PWD",
	"QUIT", "REIN", "REST", "RETR", "RMD", "RNFR", "RNTO", "SITE", "SIZE", "SMNT", "STAT", "STOR", "STOU", "STRU",
	"SYST", "TYPE", "UMASK", "USER", "EPRT",
}

// commandOf returns the name of a request's command; "" when it is not known.
func commandOf(line []byte) string {
	for _, name := range commands {
		if len(line) >= len(name) && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return name
		}
	}
	return ""
}

// portOfPORT reads the port of "h1,h2,h3,h4,p1,p2"; 0: there is none.
func portOfPORT(b []byte) uint16 {
	last := bytes.LastIndexByte(b, ',')
	if last < 0 {
		return 0
	}
	before := bytes.LastIndexByte(b[:last], ',')
	if before < 0 {
		return 0
	}
	high, ok1 := number(b[before+1 : last])
	low, ok2 := number(b[last+1:])
	if !ok1 || !ok2 || high > 255 || low > 255 {
		return 0
	}
	return uint16(high<<8 | low)
}

// portOfEPRT reads the port of "|2|address|port|" or of "(|||port|)"; 0: there is none.
func portOfEPRT(b []byte) uint16 {
	end := bytes.LastIndexByte(b, '|')
	if end < 0 {
		return 0
	}
	begin := bytes.LastIndexByte(b[:end], '|')
	n, ok := number(b[begin+1 : end])
	if begin < 0 || !ok || n > 0xffff {
		return 0
	}
	return uint16(n)
}

// portOfPASV reads the port out of the answer "227 Entering Passive Mode (h1,h2,h3,h4,p1,p2).", whose brackets
// may be missing.
func portOfPASV(line []byte) uint16 {
	rest := line[min(4, len(line)):]
	i := bytes.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' })
	if open := bytes.IndexByte(rest, '('); open >= 0 {
		i = open + 1
	}
	if i < 0 {
		return 0
	}
	rest = rest[i:]
	n := 0
	for n < len(rest) && (rest[n] == ',' || rest[n] >= '0' && rest[n] <= '9') {
		n++
	}
	if bytes.Count(rest[:n], []byte(",")) != 5 {
		return 0
	}
	return portOfPORT(rest[:n])
}

// number reads the decimal digits at the begin of b, as atoi does; false when there are none, or too many.
func number(b []byte) (n int, ok bool) {
	b = bytes.TrimLeft(b, " ")
	for i, c := range b {
		if c < '0' || c > '9' || i > 5 {
			return n, i > 0 && i <= 5
		}
		n = n*10 + int(c-'0')
	}
	return n, len(b) > 0
}

// bounceAddress reads the four numbers of an address in a PORT command's value; false when they are not there.
func bounceAddress(b []byte) (addr [4]byte, ok bool) {
	for i := range addr {
		n, is := number(b)
		if !is || n > 255 {
			return addr, false
		}
		addr[i] = byte(n)
		comma := bytes.IndexByte(b, ',')
		if comma < 0 {
			return addr, false
		}
		b = b[comma+1:]
	}
	return addr, true
}
