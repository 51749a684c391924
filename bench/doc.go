// Command bench measures the whole sensor: the real program on real captures, on a gateway of network namespaces
// and on the kernel's sets. It prints a table and, when nothing was left out, writes it to
// bench/results/YYYY-MM-DD.md with the machine and the commit.
//
//	make bench
//	go run ./bench -only agreement
//
// Every figure that can be is a ratio: to Suricata 8.0.6 on the same capture (its figures are constants in peers.go,
// measured on such a machine), or to the same work without picket, done in the same run. Timings on a shared machine move by ±30 %.
//
// A measurement is a function in a file of its own and a line in the list of main.go. What needs root is skipped
// without it, with the reason. bench touches nothing outside its temporary folder and its own namespaces, which vanish with it.
package main
