// Package fail2ban reads fail2ban's configuration as it stands on a host.
//
// In goes a directory such as /etc/fail2ban; out comes a Config: every enabled jail with its filter, its actions and its
// limits, all substitutions made, beside all the faults, each with file and line. Nothing is run and nothing is changed; the
// files are the host administrator's, but every size, depth and repetition is bounded all the same.
//
// The way of an option, from the text to a jail:
//
//	ini         one file to sections of options                                ini.go
//	layers      x.conf, x.d/*.conf, x.local, x.d/*.local and their includes     layers.go
//	interpolate %(name)s, %(known/name)s, %(default/name)s, %(section/name)s   interpolate.go
//	options     name[param=value, …], lists of words and of actions            options.go
//	tags        <name>, <known/name> within one another                        tags.go
//	definition  [Definition] and [Init] of a filter or an action               definition.go
//	jail        a section of jail.conf with its filter and actions             jail.go, filter.go, action.go
//	commands    the same as fail2ban-client -d shows it                        commands.go
//
// The law is jail.conf(5) and fail2ban 1.1.2's behaviour; the golden cases of the kit are the tests.
package fail2ban
