package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	f2b "picket/rules/fail2ban"
	"picket/watch"
	"picket/watch/logs"
)

// eachLogLine calls judge for every line; nanos is when it was written, 0 if its text tells.
type eachLogLine func(judge func(line []byte, nanos int64)) error

// open finds LOG: a file, systemd-journal, or else the text itself.
func (t *regexTool) open(name string) (eachLogLine, error) {
	switch {
	case isFile(name):
		return t.openFile(name)
	case strings.HasPrefix(name, "systemd-journal"):
		return t.openJournal(name)
	}
	lines := strings.Split(name, "\n")
	if t.definition.MaxLines <= 1 && len(lines) == 1 {
		t.say("Use      single line : %s", shortened(name))
	} else {
		t.sayLines(lines)
	}
	return func(judge func([]byte, int64)) error {
		for _, l := range lines {
			judge([]byte(l), 0)
		}
		return nil
	}, nil
}

func (t *regexTool) sayLines(lines []string) {
	t.say("Use      multi line : %d line(s)", len(lines))
	for i, l := range lines {
		if i >= 5 {
			t.say("| ...")
			break
		}
		t.say("| %2d: %s", i+1, shortened(l))
	}
	t.say("`-")
}

func (t *regexTool) openFile(name string) (eachLogLine, error) {
	encoding, err := logs.ParseEncoding(t.options.encoding)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	t.say("Use         log file : %s", name)
	t.say("Use         encoding : %s", t.options.encoding)
	stream := logs.NewStream(name, "", file, encoding, rules.MaxLine)
	return func(judge func([]byte, int64)) error {
		defer file.Close()
		return drain(stream, judge)
	}, nil
}

// openJournal reads the systemd journal once: systemd-journal[journalpath=…, journalfiles=…, namespace=…].
func (t *regexTool) openJournal(name string) (eachLogLine, error) {
	spec, err := f2b.ParseOptions(name)
	if err != nil {
		return nil, err
	}
	c := logs.JournalConfig{Name: name, Matches: t.journal, Once: true, Start: logs.FromBeginning}
	var fault error
	c.Warn = func(err error) { fault = err }
	for _, o := range spec.Options {
		switch o.Name {
		case "journalpath":
			c.Directory = o.Text
		case "journalfiles":
			c.Files = strings.Fields(strings.ReplaceAll(o.Text, ",", " "))
		case "namespace":
			c.Namespace = o.Text
		default:
			return nil, fmt.Errorf("ERROR: systemd-journal: option %s is not known (journalpath, journalfiles, namespace)", pickle.Quote(o.Name))
		}
	}
	t.say("Use         systemd journal")
	t.say("Use         encoding : %s", t.options.encoding)
	if len(t.journal) > 0 {
		t.say("Use    journal match : %s", strings.Join(t.journal, " "))
	}
	journal, err := logs.NewJournal(c, nil)
	if err != nil {
		return nil, err
	}
	return func(judge func([]byte, int64)) error {
		if err := drain(journal, judge); err != nil {
			return err
		}
		return fault
	}, nil
}

// drain reads a source to its end.
func drain(source watch.Source, judge func([]byte, int64)) error {
	batches := make(chan *watch.Batch)
	ended := make(chan error, 1)
	go func() {
		ended <- source.Run(context.Background(), batches)
		close(batches)
	}()
	for b := range batches {
		for i := range b.Observations {
			if o := &b.Observations[i]; o.Kind == watch.Line {
				judge(o.Line, o.When)
			}
		}
		if err := b.Release(); err != nil {
			return err
		}
	}
	return <-ended
}
