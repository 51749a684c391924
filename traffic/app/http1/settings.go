package http1

import (
	"strconv"
	"strings"

	"picket/traffic/app"
)

// fieldLimit bounds a line, or a header with its continuations (libhtp: meta-field-limit, 18432 bytes).
const fieldLimit = 18432

// unlimitedBody is what "no limit" means for bytes kept of one body.
const unlimitedBody = 16 << 20

// settings are the configuration as the parser needs it.
type settings struct {
	decoder
	keep       [2]int    // body bytes kept, by direction
	limit      [2]uint32 // body bytes looked at, also for files; 0: all
	minInspect [2]uint32
	window     [2]int // growth of a body between two looks
	layers     int
	maxTx      int
	field      int
	inline     bool
	lzma       bool

	md5, sha1, sha256 bool
	storeAll          bool
	fileDepth         uint32
	windows           *app.Windows
	ranges            *app.Ranges
}

func newSettings(c *app.Config) *settings {
	h := &c.HTTP
	s := &settings{
		decoder: idsPersonality(), keep: [2]int{bodyLimit(h.RequestBodyLimit), bodyLimit(h.ResponseBodyLimit)},
		limit:      [2]uint32{h.RequestBodyLimit, h.ResponseBodyLimit},
		minInspect: [2]uint32{h.RequestBodyMinInspect, h.ResponseBodyMinInspect},
		window:     [2]int{int(h.RequestBodyInspectWindow), int(h.ResponseBodyInspectWindow)},
		layers:     h.DecompressLayerLimit, maxTx: max(h.MaxTx, 1), field: fieldLimit, inline: c.Inline,
		md5: c.MD5, sha1: c.SHA1, sha256: c.SHA256, windows: &c.Windows, ranges: c.Ranges, storeAll: c.StoreAll, fileDepth: c.FileDepth,
	}
	s.doublePath, s.doubleQuery = h.DoubleDecodePath, h.DoubleDecodeQuery
	for k, v := range h.Settings {
		s.set(strings.ReplaceAll(k, "_", "-"), v)
	}
	return s
}

// within tells how many of n bytes behind the first at of a body lie within its limit. A body that is to be stored as a
// file has a limit of its own.
func (s *settings) within(dir app.Direction, store bool, at uint64, n int) int {
	limit := uint64(s.limit[dir])
	if store || s.storeAll {
		limit = uint64(s.fileDepth)
	}
	switch {
	case limit == 0:
		return n
	case at >= limit:
		return 0
	}
	return int(min(uint64(n), limit-at))
}

func bodyLimit(n uint32) int {
	if n == 0 || n > unlimitedBody {
		return unlimitedBody
	}
	return int(n)
}

// set takes one libhtp key of suricata.yaml; keys without meaning here are passed over.
func (s *settings) set(key, value string) {
	on := isYes(value)
	switch key {
	case "personality":
		s.decoder = personality(value, s.decoder)
	case "uri-include-all":
		s.includeAll = on
	case "query-plusspace-decode":
		s.plusSpace = on
	case "path-convert-backslash-separators":
		s.backslash = on
	case "path-separators-decode":
		s.separators = on
	case "path-separators-compress":
		s.compress = on
	case "path-convert-lowercase":
		s.lowercase = on
	case "path-u-encoding-decode":
		s.percentU = on
	case "path-nul-raw-handling":
		s.rawNUL = value == "terminate"
	case "path-convert-utf8":
		s.bestFit = on
	case "double-decode-path":
		s.doublePath = on
	case "double-decode-query":
		s.doubleQuery = on
	case "lzma-enabled":
		s.lzma = on
	case "meta-field-limit":
		if n, err := strconv.Atoi(value); err == nil && n > 0 && n <= 1<<20 {
			s.field = n
		}
	}
}

func isYes(v string) bool {
	switch strings.ToLower(v) {
	case "yes", "true", "on", "1":
		return true
	}
	return false
}

// personality returns the URI choices of a server kind (libhtp's htp_config_set_server_personality).
func personality(name string, old decoder) decoder {
	d := decoder{doublePath: old.doublePath, doubleQuery: old.doubleQuery, includeAll: old.includeAll}
	switch strings.ToLower(name) {
	case "minimal", "generic":
	case "apache", "apache_2", "apache_2_2":
		d.compress = true
	case "iis_4_0", "iis_5_0":
		d.backslash, d.separators, d.compress, d.percentU, d.lowercase = true, true, true, true, true
	case "iis_5_1", "iis_6_0", "iis_7_0", "iis_7_5":
		d.backslash, d.separators, d.compress, d.percentU = true, true, true, true
	default:
		return old
	}
	return d
}
