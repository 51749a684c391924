// Package process holds the measures that touch processes: kill (one, its group, its tree, its container), suspend,
// renice, and systemd's units. A process is named for good by its number and its start time; where the kernel has
// pidfds they carry the signal, so that no other process can be hit. The gate looks at every process first.
package process
