// Package database reads fail2ban's SQLite database: who is banned and until when, how often each was banned before, and
// where in its logs each jail was. Nothing is written to it and no lock is taken: fail2ban may be running, and goes on to
// own its file. All schemas that fail2ban has had (1 to 4) are read; rows are bounded, and data that can't be read is no
// reason to refuse a ban.
package database
