package store

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"picket/incidents"
)

// Export implements incidents.Archive. The archive holds one folder:
//
//	incident.json   the case
//	timeline.json   every entry with its finding
//	timeline.txt    the same for people
//	measures.json   what was done about it, with who has ordered, approved, denied and lifted it, proof and output
//	evidence/       one file for each piece: packets and flows as pcap, lines, outputs
func (s *Store) Export(ctx context.Context, id incidents.ID, to io.Writer) error {
	file, err := s.Incident(ctx, id)
	if err != nil {
		return err
	}
	z := zip.NewWriter(to)
	folder := fmt.Sprintf("incident-%d/", id)
	put := func(name string, at time.Time, write func(io.Writer) error) error {
		w, err := z.CreateHeader(&zip.FileHeader{Name: folder + name, Method: zip.Deflate, Modified: at})
		if err != nil {
			return err
		}
		return write(w)
	}
	updated := file.Incident.Updated
	if err := put("incident.json", updated, indented(file.Incident)); err != nil {
		return err
	}
	if err := put("timeline.json", updated, indented(file.Timeline)); err != nil {
		return err
	}
	if err := put("timeline.txt", updated, func(w io.Writer) error { return printTimeline(w, &file) }); err != nil {
		return err
	}
	measures, err := s.Measures(ctx, MeasureFilter{Incident: id, Limit: listMost})
	if err != nil {
		return err
	}
	if err := put("measures.json", updated, indented(measures)); err != nil {
		return err
	}
	for i := range file.Evidence {
		e, err := s.Evidence(ctx, id, file.Evidence[i].Number)
		if err != nil {
			return err
		}
		err = put("evidence/"+evidenceName(i, &e), e.Time, func(w io.Writer) error { _, err := w.Write(e.Data); return err })
		if err != nil {
			return err
		}
	}
	return z.Close()
}

func indented(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
}

func printTimeline(w io.Writer, f *incidents.File) error {
	for i := range f.Timeline {
		e := &f.Timeline[i]
		if _, err := fmt.Fprintf(w, "%s  %-12s %s\n", e.Time.Format(time.RFC3339), e.Kind, e.Line()); err != nil {
			return err
		}
	}
	return nil
}

// extensions of what evidence is, by media type.
var extensions = map[string]string{
	"application/vnd.tcpdump.pcap": ".pcap", "text/plain": ".txt", "text/html": ".html", "text/markdown": ".md", "application/json": ".json",
}

// evidenceName is a file name: numbered, and of the piece's own name only what is harmless in a path.
func evidenceName(i int, e *incidents.Evidence) string {
	extension, known := extensions[e.Type]
	if !known {
		extension = ".bin"
	}
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, path.Base(e.Name))
	return fmt.Sprintf("%03d-%s-%s%s", i+1, e.Kind, clean[:min(len(clean), 60)], extension)
}
