// Package http1 turns the two byte streams of a connection into HTTP/0.9, 1.0 and 1.1 transactions.
//
// In come in-order bytes of either direction, cut anywhere; out come transactions: request line, headers, body
// and files, and the same of the answer, with the events that Suricata's rules name app-layer-event:http.*.
// What a message means is decided as libhtp's IDS personality decides it (Suricata 8), because signatures are
// written against that view: lenient where browsers and servers are lenient, with an event for the leniency.
//
// The walk of one direction's bytes:
//
//	parser.go    joins what was left over with what is new and runs the direction's steps
//	request.go   request line → headers → body → end; response.go the same for answers
//	line.go header.go number.go host.go uri.go   read the parts of a message
//	body.go      keeps the content up to its limit; coding.go, gzip.go, inflate.go, lzma.go undo Content-Encoding
//	file.go multipart.go   content as files, with names, ranges and sums
//	buffers.go   what rules look at (http.uri, http.header ...), as Suricata spells it
//
// Everything a peer can choose has a bound: fieldLimit bytes of a line or header, maxHeaders, maxRepetitions,
// Config.HTTP.MaxTx open transactions, body bytes kept, layers and volume of compression, parts of a multipart.
// Nothing here blocks, logs, or starts a goroutine. A transaction owns copies of its bytes.
package http1
