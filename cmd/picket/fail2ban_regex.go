package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	"picket/rules/dates"
	"picket/rules/expression"
	f2b "picket/rules/fail2ban"
)

// regexTool is one call of fail2ban-regex: LOG, REGEX and IGNOREREGEX, judged and counted.
type regexTool struct {
	*program
	options    regexOptions
	definition rules.Definition
	journal    []string // matches for journalctl
	maxSet     bool     // the lines that one expression may span are said
	dateSet    bool     // so is the date pattern
	hosts      map[string][]string
	judge      *rules.Judge
	now        time.Time
	stats      regexStats
}

// regexOptions are the options of fail2ban-regex.
type regexOptions struct {
	config, datepattern, timezone, encoding, usedns, match, out string
	matchSet, raw, first, verboseDate, debuggex                 bool
	maxLines, verbose                                           int
	noMissed, noIgnored, allMatched, allMissed, allIgnored      bool
}

const regexShort = "c:d:e:rL:m:l:VvDo:th"

var regexLong = []string{
	"config=", "datepattern=", "timezone=", "TZ=", "encoding=", "raw", "usedns=", "maxlines=", "journalmatch=", "log-level=",
	"verbose", "verbosity=", "verbose-date", "VD", "debuggex", "no-check-all", "out=", "print-no-missed", "print-no-ignored",
	"print-all-matched", "print-all-missed", "print-all-ignored", "log-traceback", "full-traceback", "version", "help",
}

// wrongUsage is the exit code of Python's optparse.
const wrongUsage = 2

// runFail2banRegex is fail2ban-regex.
func runFail2banRegex(p *program) int {
	t := &regexTool{program: p, hosts: map[string][]string{}, now: time.Now()}
	t.options = regexOptions{config: "/etc/fail2ban", encoding: "UTF-8"}
	found, args, err := mixedOptions(p.args, regexShort, regexLong)
	if err != nil {
		fmt.Fprintf(p.err, "Usage: %s\n\n%s: error: %s\n", t.usageLine(), p.name, err)
		return wrongUsage
	}
	for _, o := range found {
		if exit, done := t.option(o); done {
			return exit
		}
	}
	if faults := t.conflicts(len(args)); len(faults) > 0 {
		t.help()
		fmt.Fprintf(p.err, "\n%s\n", strings.Join(faults, "\n"))
		return failed
	}
	return exitOf(t.run(args))
}

// mixedOptions reads options that stand anywhere among the arguments.
func mixedOptions(args []string, short string, long []string) (found []setting, rest []string, err error) {
	for len(args) > 0 {
		some, left, err := getopt(args, short, long)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, some...)
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" || len(left) == 0 {
			return found, append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
	return found, rest, nil
}

// flags are the switches, by name.
func (o *regexOptions) flags() map[string]*bool {
	return map[string]*bool{
		"-r": &o.raw, "--raw": &o.raw, "--verbose-date": &o.verboseDate, "--VD": &o.verboseDate, "-D": &o.debuggex,
		"--debuggex": &o.debuggex, "--no-check-all": &o.first, "--print-no-missed": &o.noMissed, "--print-no-ignored": &o.noIgnored,
		"--print-all-matched": &o.allMatched, "--print-all-missed": &o.allMissed, "--print-all-ignored": &o.allIgnored,
	}
}

// texts are the options with a text, by name.
func (o *regexOptions) texts() map[string]*string {
	return map[string]*string{
		"-c": &o.config, "--config": &o.config, "-d": &o.datepattern, "--datepattern": &o.datepattern, "--timezone": &o.timezone,
		"--TZ": &o.timezone, "-e": &o.encoding, "--encoding": &o.encoding, "--usedns": &o.usedns, "-m": &o.match,
		"--journalmatch": &o.match, "-o": &o.out, "--out": &o.out,
	}
}

// option sets one option; done tells that nothing else is to be done.
func (t *regexTool) option(o setting) (exit int, done bool) {
	if to, ok := t.options.flags()[o.name]; ok {
		*to = true
		return 0, false
	}
	if to, ok := t.options.texts()[o.name]; ok {
		*to = o.value
		t.options.matchSet = t.options.matchSet || o.name == "-m" || o.name == "--journalmatch"
		return 0, false
	}
	switch o.name {
	case "-L", "--maxlines":
		return t.number(o, &t.options.maxLines)
	case "--verbosity":
		return t.number(o, &t.options.verbose)
	case "-v", "--verbose":
		t.options.verbose++
	case "-V":
		fmt.Fprintln(t.out, f2b.Version)
		return 0, true
	case "--version":
		fmt.Fprintln(t.out, t.name, f2b.Version)
		return 0, true
	case "-h", "--help":
		t.help()
		return 0, true
	}
	return 0, false // -l, -t and --full-traceback are about the log of fail2ban's own code
}

func (t *regexTool) number(o setting, to *int) (exit int, done bool) {
	n, err := strconv.Atoi(o.value)
	if err != nil {
		fmt.Fprintf(t.err, "Usage: %s\n\n%s: error: option %s: invalid integer value: %s\n", t.usageLine(), t.name, o.name, pickle.Quote(o.value))
		return wrongUsage, true
	}
	*to = n
	return 0, false
}

// conflicts lists what makes the call impossible.
func (t *regexTool) conflicts(args int) (faults []string) {
	if t.options.noMissed && t.options.allMissed {
		faults = append(faults, "ERROR: --print-no-missed and --print-all-missed are mutually exclusive.")
	}
	if t.options.noIgnored && t.options.allIgnored {
		faults = append(faults, "ERROR: --print-no-ignored and --print-all-ignored are mutually exclusive.")
	}
	if args != 2 && args != 3 {
		faults = append(faults, "ERROR: provide both <LOG> and <REGEX>.")
	}
	return faults
}

// say prints a line of the report; with --out there is none.
func (t *regexTool) say(format string, args ...any) {
	if t.options.out == "" {
		fmt.Fprintf(t.out, format+"\n", args...)
	}
}

// run judges the log and reports.
func (t *regexTool) run(args []string) bool {
	t.say("\nRunning tests\n=============\n")
	if err := t.prepare(args); err != nil {
		fmt.Fprintf(t.out, "ERROR: %s\n", err)
		return false
	}
	lines, err := t.open(args[0])
	if err != nil {
		fmt.Fprintln(t.out, err)
		return false
	}
	t.say("")
	began := time.Now()
	if err := lines(t.line); err != nil {
		fmt.Fprintln(t.out, err)
		return false
	}
	if t.options.out == "" {
		t.report(time.Since(began))
	}
	return true
}

// prepare reads the expressions and makes the judge.
func (t *regexTool) prepare(args []string) error {
	if t.options.maxLines > 0 {
		t.setMaxLines(t.options.maxLines)
	}
	if t.options.datepattern != "" {
		if err := t.setDatePattern(t.options.datepattern); err != nil {
			return err
		}
	}
	if t.options.matchSet {
		t.journal = f2b.SplitShell(t.options.match)
	}
	zone, err := t.zone()
	if err != nil {
		return err
	}
	if err := t.readRegex(args[1], strings.HasPrefix(args[0], "systemd-journal")); err != nil {
		return err
	}
	if len(args) == 3 {
		t.say("Use %11s line : %s", "ignoreregex", shortened(args[2]))
		t.definition.IgnoreRegex = append(t.definition.IgnoreRegex, args[2])
	}
	t.definition.UseDNS = t.options.usedns
	if err := t.checkRegexes(); err != nil {
		return err
	}
	filter, err := rules.Compile(t.definition, t.now)
	if err != nil {
		return err
	}
	t.judge = rules.NewJudge(filter, dates.Clock{Now: t.now, Zone: zone})
	t.stats = newRegexStats(filter)
	return nil
}

// checkRegexes says in fail2ban's words what is wrong with an expression.
func (t *regexTool) checkRegexes() error {
	d := &t.definition
	options := expression.Options{Names: d.UseDNS != "no", Lines: d.MaxLines > 1}
	compiled := func(text string) (*expression.Expression, error) {
		e, err := expression.Compile(text, options)
		if err != nil {
			return nil, fmt.Errorf("Unable to compile regular expression '%s':\n%w", expression.Shown(text, options.Names), err) //lint:ignore ST1005 fail2ban's own words
		}
		return e, nil
	}
	var prefix *expression.Expression
	var err error
	if d.PrefRegex != "" {
		if prefix, err = compiled(d.PrefRegex); err != nil {
			return err
		}
	}
	for _, text := range d.FailRegex {
		e, err := compiled(text)
		if err != nil {
			return err
		}
		if !rules.Identifies(e, prefix) {
			return fmt.Errorf("No failure-id group in '%s'", expression.Shown(text, options.Names)) //lint:ignore ST1005 fail2ban's own words
		}
	}
	for _, text := range d.IgnoreRegex {
		if _, err := compiled(text); err != nil {
			return err
		}
	}
	return nil
}

// zone is the one of dates that name none.
func (t *regexTool) zone() (*time.Location, error) {
	if t.options.timezone == "" {
		return time.Local, nil
	}
	return dates.ParseZone(t.options.timezone)
}

func (t *regexTool) setMaxLines(n int) {
	if t.maxSet {
		return
	}
	t.maxSet, t.definition.MaxLines = true, n
	t.say("Use         maxlines : %d", max(n, 1))
}

func (t *regexTool) setDatePattern(pattern string) error {
	if t.dateSet {
		return nil
	}
	templates, err := dates.Parse(pattern, t.now.Year())
	if err != nil {
		return fmt.Errorf("Failed to set datepattern '%s' (may be an invalid format or unescaped percent char): %w", pattern, err) //lint:ignore ST1005 fail2ban's own words
	}
	t.dateSet, t.definition.DatePattern = true, pattern
	name := "Default Detectors"
	if n := len(templates); n == 1 || n == 2 {
		name = templates[0].Shown()
	}
	t.say("Use      datepattern : %s : %s", pattern, name)
	return nil
}

// shortened cuts a text to what fits beside its title.
func shortened(text string) string {
	const most = 53
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}

func isFile(name string) bool {
	s, err := os.Stat(name)
	return err == nil && s.Mode().IsRegular()
}
