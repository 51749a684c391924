// Package logs reads lines: from files that rotate, the systemd journal, syslog senders and standard input.
//
// All four give watch.Batches of lines (see package watch for who owns what). Tail is the reader of files, in its order:
//
//	tail.go       wake (fsnotify on the directories, and a tick), look at the paths, read every file to its end
//	discover.go   which paths there are; which of them is new, renamed, gone
//	file.go       one open file: read a piece, notice that it was truncated
//	lines.go      a piece of bytes to lines: partial, endless, NULs
//	encoding.go   lines to UTF-8
//	rotated.go    the names that rotation gives; what was left unread in a file that rotated while nobody looked
//	seen.go       what was read already, and is known again under another name or number
//	unzip.go      rotated logs that are compressed
//	positions.go  positions over a restart
//
// Positions. A position is device, inode, offset, and fingerprints of the file's first 256 bytes and of the 64 before the
// offset. It is written when a batch is released, before Release returns. After kill -9 reading goes on at the last released
// batch: batches that were out are delivered again. The bytes say which file it is, and the numbers only where to look: a
// file system gives the number of a deleted file to the next one, and a tool that writes a log anew gives it another number.
//
// Rotation. Rename, delete and create: the old handle is read on until it has been quiet for ten seconds. Truncation
// (copytruncate) is noticed by size and by fingerprint, also when the file has already outgrown the old offset; what had
// not been read yet is taken from the copy, when it stands beside the file under a rotated name. What came and went while
// nobody looked, or while picket did not run, is read when it stands beside the log, compressed or not (gzip, zstd, bzip2),
// and was written to since.
//
// What cannot be promised: what a writer adds between the copying and the truncation is lost by that method itself. A file
// that is deleted before it was opened (within milliseconds of its making, as a rule; while the judge is busy, too), or
// before it was read when picket is killed, is lost to everybody. What was rotated into another directory while picket did
// not run, or compressed with xz, is not found. All of these but the first are counted as rests-lost when there was a
// position, and told.
//
// Bounds: 1,024 files, 8 of them rotated ones of the same path; 256 kB a read, 64 kB a line (the rest is cut and
// counted), four batches a source. Nothing is kept for a line.
package logs
