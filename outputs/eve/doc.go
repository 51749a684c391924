// Package eve writes what happened as EVE JSON lines, as Suricata 8 writes them.
//
// Records are appended into reused buffers by the worker that saw the event and handed to one writer
// goroutine, which owns the file. A full writer drops records and counts them.
package eve
