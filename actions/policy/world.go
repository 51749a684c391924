package policy

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"picket/incidents"
)

// ThisHost answers about processes from /proc (proc(5)), and about containers from the files in which their runtimes keep
// what they run: Docker's config.v2.json, and the config.json of an OCI bundle as containerd, CRI-O and Podman write it.
type ThisHost struct {
	Root string // "" is /; tests have their own
}

// maxAncestors bounds the walk up from a process.
const maxAncestors = 64

// Ancestors implements World. A number that belongs to another process by now has none.
func (h ThisHost) Ancestors(p *incidents.Process) (names []string) {
	for pid, first := p.PID, true; pid > 0 && len(names) < maxAncestors; first = false {
		name, parent, start, ok := h.stat(pid)
		if !ok || first && p.Start != 0 && start != p.Start {
			break
		}
		names = append(names, name)
		pid = parent
	}
	return names
}

// stat reads the name, the parent and the start of a process.
func (h ThisHost) stat(pid int) (name string, parent int, start uint64, ok bool) {
	text, err := os.ReadFile(h.path("proc", strconv.Itoa(pid), "stat"))
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	if err != nil || open < 0 || end < open {
		return "", 0, 0, false
	}
	words := strings.Fields(string(text[end+1:])) // from field 3 on
	if len(words) < 20 {
		return "", 0, 0, false
	}
	parent, err1 := strconv.Atoi(words[1])
	start, err2 := strconv.ParseUint(words[19], 10, 64)
	return string(text[open+1 : end]), parent, start, err1 == nil && err2 == nil
}

func (h ThisHost) path(parts ...string) string {
	return filepath.Join(append([]string{"/", h.Root}, parts...)...)
}

// bundles are where runtimes keep what they run; * is the identifier, or a directory above it.
var bundles = []string{
	"var/lib/docker/containers/ID/config.v2.json",
	"run/containerd/io.containerd.runtime.v2.task/*/ID/config.json",
	"run/containers/storage/overlay-containers/ID/userdata/config.json",
	"var/lib/containers/storage/overlay-containers/ID/userdata/config.json",
}

// maxBundle bounds what is read of a runtime's file.
const maxBundle = 4 << 20

// Labels implements World. An identifier may be short, as people write it; it must be of hex digits, since it comes from
// a cgroup's name.
func (h ThisHost) Labels(container string) map[string]string {
	if container == "" || strings.Trim(container, "0123456789abcdef") != "" {
		return nil
	}
	for _, pattern := range bundles {
		files, err := filepath.Glob(h.path(strings.ReplaceAll(pattern, "ID", container+"*")))
		if err == nil && len(files) == 1 {
			return readLabels(files[0])
		}
	}
	return nil
}

// readLabels reads labels and annotations, whichever the file has.
func readLabels(file string) map[string]string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	var bundle struct {
		Annotations map[string]string `json:"annotations"`
		Config      struct {
			Labels map[string]string
		}
	}
	if json.NewDecoder(io.LimitReader(f, maxBundle)).Decode(&bundle) != nil {
		return nil
	}
	labels := map[string]string{}
	for _, m := range []map[string]string{bundle.Annotations, bundle.Config.Labels} {
		for k, v := range m {
			labels[k] = v
		}
	}
	return labels
}
