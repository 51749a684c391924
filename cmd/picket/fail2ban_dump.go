package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	f2b "picket/rules/fail2ban"
)

// checkConfig is -d, --dp and -t. done is false when a command is to follow a good test.
func (c *client) checkConfig(more bool) (exit int, done bool) {
	config, err := f2b.Load(c.conf)
	if c.dump {
		if err != nil {
			c.logError("Failed during configuration: %s", err)
			fmt.Fprintln(c.out, "ERROR: The configuration stream failed because of the invalid syntax.")
			return failed, true
		}
		c.dumpConfig(config)
		if !c.test {
			return 0, true
		}
	}
	if err != nil || !c.usable(config) {
		if err != nil {
			c.logError("Failed during configuration: %s", err)
		}
		c.logError("ERROR: test configuration failed")
		return failed, true
	}
	if more {
		return 0, false
	}
	fmt.Fprintln(c.out, "OK: configuration test is successful")
	return 0, true
}

// usable tells whether every enabled jail can be used, and tells the faults.
func (c *client) usable(config *f2b.Config) bool {
	for _, f := range config.Faults {
		c.logError("%s", f)
	}
	for _, j := range config.Jails {
		if j.Skipped != "" {
			return false
		}
		if !hasLogs(j) {
			c.logError("Failed during configuration: Have not found any log file for %s jail", j.Name)
			return false
		}
	}
	return true
}

// hasLogs tells whether fail2ban would start with a jail's logs: one file is enough, or the journal, where the backend
// may be that; a jail with skip_if_nologs goes without. picket itself starts in any case, and waits for the files.
func hasLogs(j *f2b.Jail) bool {
	if len(j.Logs) == 0 || strings.HasPrefix(j.Backend, "systemd") || switchedOn(j, "skip_if_nologs", false) {
		return true
	}
	if strings.HasPrefix(j.Backend, "auto") && len(j.Filter.JournalMatch) > 0 && switchedOn(j, "systemd_if_nologs", true) {
		return true
	}
	return slices.ContainsFunc(j.Logs, func(l f2b.Log) bool {
		if strings.HasPrefix(l.Pattern, rules.SyslogPrefix) {
			return true
		}
		found, err := filepath.Glob(l.Pattern)
		return err == nil && len(found) > 0
	})
}

// switchedOn reads a switch of a jail.
func switchedOn(j *f2b.Jail, name string, standard bool) bool {
	text, said := j.Limit(name)
	if !said {
		return standard
	}
	return slices.Contains([]string{"1", "on", "true", "yes"}, strings.ToLower(strings.TrimSpace(text)))
}

func (c *client) dumpConfig(config *f2b.Config) {
	for _, command := range config.Commands() {
		text := pickle.Repr(command)
		if c.pretty && utf8.RuneCountInString(text) > dumpWidth {
			text = laidOut(command, 0, 0)
		}
		fmt.Fprintln(c.out, text)
	}
}

// dumpWidth is how wide a line of --dp may be, in characters; pprint's indent is dumpIndent.
const (
	dumpWidth  = 1000
	dumpIndent = 2
)

// laidOut is Python's pprint: what does not fit goes one item a line. taken is what stands behind the value on its line.
func laidOut(v any, indent, taken int) string {
	text := pickle.Repr(v)
	list, isList := v.([]any)
	if !isList || utf8.RuneCountInString(text) <= dumpWidth-indent-taken {
		return text
	}
	indent += dumpIndent
	var parts []string
	for i, item := range list {
		behind := 1
		if i == len(list)-1 {
			behind = taken + 1
		}
		parts = append(parts, laidOut(item, indent, behind))
	}
	return "[" + strings.Repeat(" ", dumpIndent-1) + strings.Join(parts, ",\n"+strings.Repeat(" ", indent)) + "]"
}

// usage prints what fail2ban-client can be asked here.
func (c *client) usage() {
	command := " <COMMAND>"
	if strings.HasSuffix(c.name, "server") {
		command = ""
	}
	fmt.Fprintf(c.out, "Usage: %s [OPTIONS]%s\n\nFail2Ban v%s reads log file that contains password failure report\nand bans the corresponding IP addresses using firewall rules.\n%s",
		c.name, command, f2b.Version, clientHelp)
}

const clientHelp = `
This is picket in fail2ban's place: it answers fail2ban's commands for its own jails.

Options:
    -c, --conf <DIR>        configuration directory (/etc/fail2ban)
    -s, --socket <FILE>     socket path
    -d                      dump configuration
    --dp, --dump-pretty     dump the configuration, long commands over several lines
    -t, --test              test configuration (alone, or before a command)
    -i                      interactive mode
    -v, -q                  more, less verbose
    --str2sec <STRING>      convert a time span to seconds
    -h, --help              this text
    -V, --version           the version of fail2ban whose behaviour is kept (-V: the number alone)
    -p, -x, -f, -b, --pname, --loglevel, --logtarget, --syslogsocket, --async, --timeout
                            of fail2ban's own server; accepted, without effect

Command:
    BASIC
    ping                                     is the server alive
    version                                  the version of fail2ban whose behaviour is kept
    status [--all [FLAVOR]]                  the jails
    status <JAIL> [FLAVOR]                   one jail; FLAVOR is basic, short or stats
    stats                                    a table of all jails
    banned [<IP> ...]                        who is banned where
    unban <IP> ... | --all                   lift bans in all jails
    reload [--restart] [--unban] [--if-exists] [<JAIL> | --all]
                                             read the configuration anew
    restart [<JAIL>]                         the same, with bans lifted and made again
    stop                                     stop all jails, lift their bans, answer nobody; picket goes on
    start                                    let them work again, with the bans whose time is not over
    flushlogs                                open the log anew after its rotation
    JAIL CONTROL
    add <JAIL> [<BACKEND>]  start <JAIL>  stop <JAIL>
    JAIL CONFIGURATION
    set <JAIL> banip|unbanip [--report-absent] <IP> ...
    set <JAIL> attempt <IP> [<LINE> ...]
    set <JAIL> addignoreip|delignoreip <IP>
    set <JAIL> addlogpath <FILE> [tail]      set <JAIL> dellogpath <FILE>
    set <JAIL> addfailregex|addignoreregex <REGEX>
    set <JAIL> delfailregex|delignoreregex <INDEX>
    set <JAIL> addjournalmatch|deljournalmatch <MATCH> ...
    set <JAIL> findtime|bantime|bantime.*|maxretry|maxmatches|maxlines|usedns|datepattern|prefregex|
               logencoding|logtimezone|ignoreself|ignorecommand|ignorecache|idle <VALUE>
    set <JAIL> addaction|delaction <ACT>     set <JAIL> action <ACT> <PROPERTY> <VALUE>
    JAIL INFORMATION
    get <JAIL> banned [<IP> ...]             get <JAIL> banip [<SEP> | --with-time]
    get <JAIL> logpath|journalmatch|failregex|ignoreregex|ignoreip|actions and all that can be set
    get <JAIL> actionproperties <ACT>        get <JAIL> action <ACT> <PROPERTY>
`
