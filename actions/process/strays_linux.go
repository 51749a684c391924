package process

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"picket/actions/procfs"
)

// strays are processes that may belong to a tree though they hang elsewhere: who forks twice is handed to one of the
// tree's own ancestors, init or a subreaper (PR_SET_CHILD_SUBREAPER of prctl(2)), and nothing tells from whom it came. So
// these are children of such an ancestor that are not of its session, run as the same user, are not older than the tree,
// and share its cgroup, or where that is the whole host's, its environment. They are for people to judge: a neighbour may
// look alike.
func strays(root proc) (list []proc) {
	above, inside := ancestors(root), map[int]bool{}
	for _, p := range treeOf(root) {
		inside[p.PID] = true
	}
	of := kinship(root.PID)
	for _, p := range all() {
		parent, is := above[p.Parent]
		handed := is && p.Session != parent.Session
		if !handed || inside[p.PID] || p.Start < root.Start || p.State == 'Z' || p.Flags&procfs.KernelThread != 0 {
			continue
		}
		if kinship(p.PID) == of {
			list = append(list, p)
		}
	}
	return list
}

// kin is what a process hands down to its descendants.
type kin struct {
	user        int
	cgroup      string
	environment string // where the cgroup says nothing
}

func kinship(pid int) kin {
	k := kin{user: userOf(pid), cgroup: procfs.Cgroup(pid)}
	if k.cgroup == "" || k.cgroup == "/" {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)) // that of one that is gone is empty, its user no one's
		entries := strings.Split(string(text), "\x00")
		entries = slices.DeleteFunc(entries, func(e string) bool {
			name, _, _ := strings.Cut(e, "=")
			return slices.Contains(ofShells, name)
		})
		slices.Sort(entries)
		k.environment = strings.Join(entries, "\n")
	}
	return k
}

// ofShells are variables that a shell sets anew for what it runs.
var ofShells = []string{"PWD", "OLDPWD", "SHLVL", "_"}

// ancestors are a process's parent and its parents, by number, up to the last that can be seen.
func ancestors(p proc) map[int]proc {
	list := map[int]proc{}
	for up := p.Parent; up > 0; {
		parent, err := read(up)
		if _, seen := list[up]; seen || err != nil {
			break
		}
		list[up] = parent
		up = parent.Parent
	}
	return list
}

// userOf is the number of the user that a process runs as; another one for each process that is gone.
func userOf(pid int) int {
	info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	if err != nil {
		return -pid
	}
	return int(uidOf(info))
}

// maxListed bounds the processes that an error names.
const maxListed = 16

func listed(list []proc) string {
	var names []string
	for _, p := range list[:min(len(list), maxListed)] {
		names = append(names, fmt.Sprintf("pid %d (%s)", p.PID, procfs.Printable(procfs.Command(p.PID, 80))))
	}
	if more := len(list) - maxListed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
