package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"picket/rules"
	"picket/rules/dates"
	"picket/rules/fail2ban"
	"picket/rules/library"
	"picket/signatures/language"
)

// logsFlags are what scan and explain share: which filter judges, and how dates without zone or year are meant.
type logsFlags struct {
	config, filter, options, usedns, tz, datepattern string
	ignore                                           []string
	maxLines                                         int
	input                                            string
	now                                              int64
}

func logsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "logs", Short: "judge log lines with fail2ban's filters or your own expressions"}
	cmd.AddCommand(profiled(logsScanCommand()), logsExplainCommand())
	return cmd
}

func (f *logsFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "/etc/fail2ban", "configuration directory that holds filter.d")
	flags.StringVar(&f.filter, "filter", "", "a filter's name, name[option=value], library/NAME for one of ours, its file, or a regular expression")
	flags.StringVar(&f.options, "options", "", "options of the filter as a JSON object")
	flags.StringVar(&f.usedns, "usedns", "", "raw, no, warn or yes; with no <HOST> matches addresses only")
	flags.StringVar(&f.tz, "tz", "", "time zone of dates that name none (default the host's)")
	flags.StringVar(&f.datepattern, "datepattern", "", "date pattern in place of the filter's")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "regular expression of lines to ignore, in addition to the filter's")
	flags.IntVar(&f.maxLines, "maxlines", 0, "lines that one expression may span, in place of the filter's")
	flags.StringVar(&f.input, "input", "file", "file, or journal for lines without a date")
	flags.Int64Var(&f.now, "now", 0, "Unix time to take for now (default the clock's)")
}

// clock returns what now is and where.
func (f *logsFlags) clock() (dates.Clock, error) {
	c := dates.Clock{Now: time.Now(), Zone: time.Local}
	if f.now != 0 {
		c.Now = time.Unix(f.now, 0)
	}
	if f.tz == "" {
		return c, nil
	}
	zone, err := time.LoadLocation(f.tz)
	if err != nil {
		return c, fmt.Errorf("time zone %q: %w", f.tz, err)
	}
	c.Zone = zone
	return c, nil
}

// check refuses words that mean nothing here.
func (f *logsFlags) check() error {
	for _, w := range []struct {
		flag, word string
		known      []string
	}{
		{"--input", f.input, []string{"file", "journal"}},
		{"--usedns", f.usedns, []string{"", "raw", "no", "warn", "yes"}},
	} {
		if !slices.Contains(w.known, w.word) {
			return fmt.Errorf("%s %q is none of %s", w.flag, w.word, strings.TrimPrefix(strings.Join(w.known, ", "), ", "))
		}
	}
	if f.filter == "" {
		return errors.New("FILTER is missing (sshd, library/sshd, a file, or a regular expression with <HOST>)")
	}
	return nil
}

// compile finds the filter and compiles it.
func (f *logsFlags) compile() (*rules.Filter, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	d, err := f.definition()
	if err != nil {
		return nil, err
	}
	if f.usedns != "" {
		d.UseDNS = f.usedns
	}
	if f.datepattern != "" {
		d.DatePattern = f.datepattern
	}
	if f.maxLines > 0 {
		d.MaxLines = f.maxLines
	}
	d.IgnoreRegex = append(d.IgnoreRegex, f.ignore...)
	return rules.Compile(d, time.Now())
}

func (f *logsFlags) definition() (rules.Definition, error) {
	if strings.ContainsAny(f.filter, " <^") && !strings.Contains(f.filter, "[") || strings.Contains(f.filter, "<HOST>") || strings.Contains(f.filter, "<ADDR>") {
		return rules.Definition{Name: "expression", FailRegex: []string{f.filter}}, nil
	}
	if name, ours := strings.CutPrefix(f.filter, "library/"); ours {
		return libraryDefinition(name)
	}
	name, params, err := fail2ban.ParseSpec(f.filter)
	if err != nil {
		return rules.Definition{}, fmt.Errorf("filter %q: %w", f.filter, err)
	}
	if f.options != "" {
		if err := json.Unmarshal([]byte(f.options), &params); err != nil {
			return rules.Definition{}, fmt.Errorf("--options: %w (a JSON object with strings is wanted)", err)
		}
	}
	dir := f.config
	if strings.HasSuffix(name, ".conf") {
		abs, err := filepath.Abs(name)
		if err != nil {
			return rules.Definition{}, err
		}
		dir, name = filepath.Dir(filepath.Dir(abs)), strings.TrimSuffix(filepath.Base(abs), ".conf")
	}
	read, faults, err := fail2ban.ReadFilter(dir, name, params, f.input == "journal")
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, "picket:", fault)
	}
	if err != nil {
		return rules.Definition{}, fmt.Errorf("%w%s", err, nearFilter(dir, name))
	}
	return rules.DefinitionOf(read), nil
}

// nearFilter names the filter of a folder that may have been meant.
func nearFilter(dir, name string) string {
	paths, _ := filepath.Glob(filepath.Join(dir, "filter.d", "*.conf"))
	for i, path := range paths {
		paths[i] = strings.TrimSuffix(filepath.Base(path), ".conf")
	}
	if near := language.Nearest(name, paths); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// libraryDefinition returns one of the shipped rules.
func libraryDefinition(name string) (rules.Definition, error) {
	all, err := library.Rules()
	if err != nil {
		return rules.Definition{}, err
	}
	var names []string
	for _, r := range all {
		if r.Name == name {
			return r.Definition(), nil
		}
		names = append(names, r.Name)
	}
	if near := language.Nearest(name, names); near != "" {
		return rules.Definition{}, fmt.Errorf("no rule %q in the library (did you mean %s?)", name, near)
	}
	return rules.Definition{}, fmt.Errorf("no rule %q in the library (there are %s)", name, strings.Join(names, ", "))
}

func logsScanCommand() *cobra.Command {
	var f logsFlags
	var out string
	var show scanShow
	cmd := &cobra.Command{
		Use:   "scan LOG [FILTER]",
		Short: "judge a whole log and tell what was found, as fail2ban-regex does",
		Long: `scan judges every line of LOG (a file, - for standard input, or else LOG itself as one line) with FILTER and
prints statistics: hits by expression and date pattern, who fails most, missed and ignored lines. FILTER is a filter of
fail2ban (sshd, postfix[mode=aggressive], a path), one of ours (library/sshd), or a regular expression with <HOST>.

With --out each failure is written as one JSON object instead; with --json the statistics are. picket fail2ban-regex
prints the same statistics in fail2ban's own form.`,
		Example: `  picket logs scan /var/log/auth.log sshd
  picket logs scan /var/log/auth.log library/sshd --print-all-missed
  zcat /var/log/auth.log.2.gz | picket logs scan - sshd --out failures.json
  picket logs scan access.log '^<HOST> .* "GET /wp-login' --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				f.filter = args[1]
			}
			return f.scan(cmd.OutOrStdout(), args[0], out, show)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "write one JSON object for each failure here (- for standard output), and no statistics")
	flags.BoolVar(&show.missed, "print-all-missed", false, "print all missed lines, not only the first 20")
	flags.BoolVar(&show.matched, "print-all-matched", false, "print the lines that matched")
	flags.BoolVar(&show.noMissed, "print-no-missed", false, "print no missed lines")
	flags.BoolVar(&show.json, "json", false, "print the statistics as JSON")
	return cmd
}

// scan judges a log.
func (f *logsFlags) scan(w io.Writer, log, out string, show scanShow) error {
	filter, err := f.compile()
	if err != nil {
		return err
	}
	clock, err := f.clock()
	if err != nil {
		return err
	}
	in, err := openLog(log)
	if err != nil {
		return err
	}
	defer in.Close()
	judge := rules.NewJudge(filter, clock)
	if out == "" {
		return scanReport(w, in, f, filter, judge, show)
	}
	to, err := createOut(w, out)
	if err != nil {
		return err
	}
	if err := scanJSON(to, in, f, judge, clock.Now); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}

// openLog opens a file, standard input, or the text itself.
func openLog(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	file, err := os.Open(name)
	if err != nil && strings.ContainsAny(name, " \t") {
		return io.NopCloser(strings.NewReader(name + "\n")), nil
	}
	return file, err
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

func createOut(w io.Writer, name string) (io.WriteCloser, error) {
	if name == "-" {
		return nopWriteCloser{w}, nil
	}
	return os.Create(name)
}

// eachLine calls judge for every line, without its ending.
func eachLine(in io.Reader, judge func(number int, line []byte) error) error {
	r := bufio.NewReaderSize(in, 2*rules.MaxLine)
	for n := 1; ; n++ {
		line, err := readLine(r)
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read log: %w", err)
		}
		if err := judge(n, line); err != nil {
			return err
		}
	}
}

// readLine returns the next line, cut to what fits the buffer; it is valid until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		line = append([]byte(nil), line...)
		for err == bufio.ErrBufferFull {
			_, err = r.ReadSlice('\n')
		}
	}
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line, err
}

// judgeLine judges a line as the input has it.
func (f *logsFlags) judgeLine(j *rules.Judge, line []byte, now time.Time) (rules.Failure, rules.Outcome, bool) {
	if f.input == "journal" {
		return j.At(line, now.UnixNano())
	}
	return j.Line(line)
}

func scanJSON(w io.Writer, in io.Reader, f *logsFlags, j *rules.Judge, now time.Time) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	enc.SetEscapeHTML(false)
	err := eachLine(in, func(n int, line []byte) error {
		failure, _, ok := f.judgeLine(j, line, now)
		if !ok {
			return nil
		}
		return enc.Encode(failureJSON(n, failure))
	})
	if err != nil {
		return err
	}
	return buffered.Flush()
}

// failureJSON is a failure as fail2ban's kit wants it: the captured fields beside line, host and time.
func failureJSON(line int, f rules.Failure) map[string]any {
	m := map[string]any{}
	for _, field := range f.Fields {
		m[field.Name] = field.Text
	}
	m["line"] = line
	m["host"] = f.Host
	if f.Host == "" {
		m["host"] = f.ID
	}
	at := time.Unix(0, f.Nanos)
	m["time"] = json.Number(fmt.Sprintf("%.6f", float64(at.Unix())+float64(at.Nanosecond())/1e9))
	m["attempts"] = f.Attempts
	m["regex"] = f.Expression + 1
	if len(f.Users) > 0 {
		m["users"] = f.Users
	}
	return m
}
