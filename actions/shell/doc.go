// Package shell runs the commands of fail2ban's actions as fail2ban runs them: actionstart, actionban, actionunban and the
// others, by /bin/sh, with their tags replaced.
//
// In go a jail's actions and the tickets of parties that the gate has let through; a Runner has one goroutine and a queue,
// so that slow commands hold up neither the judge nor other jails. What a peer can write (matches, user names) never
// becomes part of a command's text: it is handed over in environment variables (tags.go).
//
// The law is action.d's manual and fail2ban 1.1.2's server/action.py.
package shell
