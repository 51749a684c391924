package eve

import (
	"cmp"
	"slices"
)

// Events lists the types of records by the names that a configuration switches them on by, in order.
func Events() []string {
	names := []string{"alert", "anomaly", "arp", "drop", "fileinfo", "flow", "frame", "metadata", "netflow", "stats", "stream"}
	for i := range loggers {
		if t := &loggers[i]; !t.OnlyAlert {
			names = append(names, cmp.Or(t.Switch, t.Event))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
