// Package pickle reads and writes the part of Python's pickle format that fail2ban's socket speaks: None, bool, int,
// float, str, bytes, list, tuple, dict, set, and exceptions.
//
// Python's own reader runs what a pickle tells it to run. This one never does: a class is a name and its arguments are
// data (Object), so a message of anybody who can reach the socket is as harmless as JSON. Sizes, depth and the number of
// values are bounded; repetition through the memo counts each time.
//
// The format is pickletools' of CPython, protocols 0 to 5 for reading, protocol 2 for writing, which every Python 3 and
// the readers of exporters in Go understand.
package pickle
