package http1

import "picket/traffic/app"

// Protocol is HTTP/1's line in the table of protocols.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.HTTP1, TCP: true,
		Patterns: patterns(),
		New:      func(c *app.Config) app.Parser { return newParser(c) },
		Steps: [2][]string{
			{"request_started", "request_line", "request_headers", "request_body", "request_trailer"},
			{"response_started", "response_line", "response_headers", "response_body", "response_trailer"},
		},
		Events: events(),
	}
}

// patterns are those of Suricata's src/app-layer-htp.c: a method with a blank at the very start of what the
// client sends, a version at the start of what the server sends.
func patterns() []app.Pattern {
	methods := []string{
		"GET", "PUT", "POST", "HEAD", "TRACE", "OPTIONS", "CONNECT", "DELETE", "PATCH", "PROPFIND", "PROPPATCH",
		"MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "CHECKOUT", "UNCHECKOUT", "CHECKIN", "UPDATE", "LABEL", "REPORT",
		"MKWORKSPACE", "MKACTIVITY", "MERGE", "INVALID", "VERSION-CONTROL", "BASELINE-CONTROL",
	}
	var all []app.Pattern
	for _, m := range methods {
		for _, blank := range []string{" ", "\t"} {
			all = append(all, app.Pattern{Dir: app.ToServer, Bytes: m + blank, Depth: len(m) + 1})
		}
	}
	for _, v := range []string{"HTTP/0.9", "HTTP/1.0", "HTTP/1.1"} {
		all = append(all, app.Pattern{Dir: app.ToClient, Bytes: v, Depth: len(v)})
	}
	return all
}

// events are the names that rules know behind app-layer-event:http.
func events() []string {
	return []string{
		"unknown_error", "gzip_decompression_failed", "request_field_missing_colon", "response_field_missing_colon",
		"invalid_request_chunk_len", "invalid_response_chunk_len", "invalid_transfer_encoding_value_in_request",
		"invalid_transfer_encoding_value_in_response", "invalid_content_length_field_in_request",
		"invalid_content_length_field_in_response", "duplicate_content_length_field_in_request",
		"duplicate_content_length_field_in_response", "100_continue_already_seen",
		"unable_to_match_response_to_request", "invalid_server_port_in_request", "invalid_authority_port",
		"request_header_invalid", "response_header_invalid", "missing_host_header", "host_header_ambiguous",
		"invalid_request_field_folding", "invalid_response_field_folding", "request_field_too_long",
		"response_field_too_long", "request_line_invalid", "request_body_unexpected", "response_body_unexpected",
		"request_server_port_tcp_port_mismatch", "request_uri_host_invalid", "request_header_host_invalid",
		"request_auth_unrecognized", "method_delim_non_compliant", "uri_delim_non_compliant",
		"request_line_leading_whitespace", "too_many_encoding_layers", "request_too_many_headers",
		"response_too_many_headers", "abnormal_ce_header", "request_header_repetition",
		"response_header_repetition", "response_multipart_byteranges", "response_abnormal_transfer_encoding",
		"response_chunked_old_proto", "response_invalid_protocol", "response_invalid_status",
		"request_line_incomplete", "double_encoded_uri", "request_line_missing_protocol", "lzma_memlimit_reached",
		"compression_bomb", "multipart_generic_error", "multipart_no_filedata", "multipart_invalid_header",
		"too_many_warnings", "range_invalid", "file_name_too_long", "failed_protocol_change",
		"request_chunk_extension", "response_chunk_extension",
	}
}
