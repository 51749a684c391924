package main

import "fmt"

func (t *regexTool) usageLine() string { return t.name + " [OPTIONS] <LOG> <REGEX> [IGNOREREGEX]" }

func (t *regexTool) help() { fmt.Fprintf(t.out, "Usage: %s\n%s", t.usageLine(), regexHelp) }

const regexHelp = `
This is picket in fail2ban's place: it judges a log with a filter of fail2ban, or with a regular expression, and counts.

LOG:
  string                a string representing a log line
  filename              path to a log file (/var/log/auth.log)
  systemd-journal       the systemd journal, also systemd-journal[journalpath=…], [journalfiles=…], [namespace=…]

REGEX:
  string                a string representing a 'failregex'
  filter                name of filter, optionally with options (sshd[mode=aggressive])
  filename              path to a filter file (filter.d/sshd.conf)

IGNOREREGEX:
  string                a string representing an 'ignoreregex'

Options:
  --version             print the program's name and version
  -V                    print the version of fail2ban whose behaviour is kept
  -h, --help            this text
  -c, --config=CONFIG   configuration directory (/etc/fail2ban)
  -d, --datepattern=DATEPATTERN
                        pattern of dates in place of the filter's
  --timezone, --TZ=ZONE zone of dates that name none: UTC+0200, CET, Europe/Berlin
  -e, --encoding=ENCODING
                        encoding of the file (UTF-8)
  -r, --raw             names are not looked up
  --usedns=USEDNS       yes, warn (default), no (<HOST> matches addresses only) or raw
  -L, --maxlines=N      lines that one expression may span; also how many lines are shown
  -m, --journalmatch=MATCH
                        matches of the journal in place of the filter's
  -v, --verbose         show all expressions and date patterns, with what they found; --verbosity=N
  --verbose-date, --VD  show the weights and expressions of date patterns
  -D, --debuggex        show URLs of debuggex.com, to try line and expression there
  --no-check-all        stop at the first expression that matches a line
  -o, --out=OUT         print only failures: id, ip, msg, row, host, a group's name, or a text with tags (<ip> <time>)
  --print-no-missed, --print-no-ignored
                        print no missed, no ignored lines
  --print-all-matched, --print-all-missed, --print-all-ignored
                        print all of them, no matter how many
  -l, --log-level, -t, --log-traceback, --full-traceback
                        of fail2ban's own code; accepted, without effect
`
