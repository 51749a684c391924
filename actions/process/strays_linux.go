package process

import (
	"fmt"
	"os"
	"strings"

	"picket/actions/procfs"
)

// strays are processes that may belong to a tree though they hang elsewhere: who forks twice is handed to one of the
// tree's own ancestors, init or a subreaper (PR_SET_CHILD_SUBREAPER of prctl(2)), and nothing tells from whom it came. So
// these are children of such an ancestor, of the same user, in the same cgroup, and not older than the tree. They are for
// people to judge: a neighbour that init has started may look alike.
func strays(root proc) (list []proc) {
	above, inside := ancestors(root), map[int]bool{}
	for _, p := range treeOf(root) {
		inside[p.PID] = true
	}
	user, cgroup := userOf(root.PID), procfs.Cgroup(root.PID)
	for _, p := range all() {
		handed := above[p.Parent] && (p.Parent != root.Parent || p.Parent == 1)
		if !handed || inside[p.PID] || above[p.PID] || p.Start < root.Start || p.State == 'Z' || p.Flags&procfs.KernelThread != 0 {
			continue
		}
		if userOf(p.PID) == user && procfs.Cgroup(p.PID) == cgroup {
			list = append(list, p)
		}
	}
	return list
}

// ancestors are the numbers of a process's parent and its parents, up to 1.
func ancestors(p proc) map[int]bool {
	list := map[int]bool{}
	for up := p.Parent; up > 0 && !list[up]; {
		list[up] = true
		parent, err := read(up)
		if err != nil {
			break
		}
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
