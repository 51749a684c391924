// Package recon holds the measures that only look: trace a process, capture packets, list processes, sockets, disks and
// logins, ping, traceroute. What they see is evidence of the incident. They change nothing on the host, so that the gate
// has nothing to say; each is bounded in time and in what it keeps.
package recon
