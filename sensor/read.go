package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"picket/actions"
	"picket/capture"
	"picket/outputs/eve"
	"picket/sensor/suricata"
	"picket/signatures"
	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/protocols"
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/packet/filter"
)

// ReadOptions are the arguments of picket read and picket check.
type ReadOptions struct {
	Config          *Config
	File            string   // capture, folder of captures, or -
	Rules           []string // -S: only these
	OutDir          string
	DataDir         string
	SuricataYAML    string
	Set             []string
	NoChecksums     bool
	NoRules         bool
	SimulateIPS     bool
	InitErrorsFatal bool
	Workers         int
	Filter          string // tcpdump's expression; "": all frames
	Verbose         bool
	Progress        *os.File // where progress is shown when it is a terminal
}

// settings reads suricata.yaml and puts --set on top.
func (o *ReadOptions) settings() (*suricata.Settings, error) {
	file := o.SuricataYAML
	if file == "" {
		file = o.Config.Suricata.File
	}
	s := suricata.New()
	if file != "" {
		var err error
		if s, err = suricata.Load(file); err != nil {
			return nil, err
		}
	}
	for _, arg := range slices.Concat(o.Config.Suricata.Set, o.Set) {
		if err := s.Set(arg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// inline tells whether packets are judged as on an inline device.
func (o *ReadOptions) inline(s *suricata.Settings) bool {
	switch s.Text("stream.inline", "auto") {
	case "yes", "true", "on", "1":
		return true
	case "auto":
		return o.SimulateIPS
	}
	return false
}

// ruleSet loads the rules that the options name.
func (o *ReadOptions) ruleSet(s *suricata.Settings) (*RuleSet, error) {
	src := o.Config.ruleSources(s, o.SimulateIPS)
	src.dataDir = o.DataDir
	if len(o.Rules) > 0 || o.NoRules || o.SuricataYAML != "" {
		src.files, src.library = o.Rules, false
	}
	set, err := src.build()
	if err != nil {
		return nil, err
	}
	if refused := set.Refused(); o.InitErrorsFatal && len(refused) > 0 {
		return nil, ruleErrors(refused)
	}
	return set, nil
}

// ruleErrors are faults that end the program.
type ruleErrors []language.Fault

func (e ruleErrors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Summary is what picket read prints at its end.
type Summary struct {
	Rules   *RuleSet
	Packets uint64
	Bytes   uint64
	Flows   uint64
	Alerts  uint64
	Drops   uint64
	Took    time.Duration // packet time
	EVE     eve.Counters
	Out     string
	Damaged []error // captures that end in the middle of a record or in nonsense: what stands before it was judged
	verbose bool
	totals  totals
	last    int64 // time of the last packet, ns
}

// Print writes the summary for people.
func (s *Summary) Print(w io.Writer) {
	if s.Rules != nil {
		printFaults(w, s.Rules.Faults, s.verbose)
		fmt.Fprintf(w, "rules    %d of %d loaded in %s\n", s.Rules.Loaded(), s.Rules.Read, s.Rules.Took.Round(time.Millisecond))
	}
	for _, err := range s.Damaged {
		fmt.Fprintf(w, "damaged  %v\n", err)
	}
	fmt.Fprintf(w, "packets  %d (%d bytes) in %s\n", s.Packets, s.Bytes, s.Took.Round(time.Millisecond))
	fmt.Fprintf(w, "flows    %d\nalerts   %d\ndrops    %d\n", s.Flows, s.Alerts, s.Drops)
	fmt.Fprintf(w, "eve      %s: %d records", s.Out, s.EVE.Written)
	if s.EVE.Failed > 0 {
		fmt.Fprintf(w, ", %d lost because they could not be written", s.EVE.Failed)
	}
	fmt.Fprintln(w)
}

// Read judges a capture and writes eve.json. A damaged capture is judged up to the damage, as Suricata does: Summary.Damaged
// tells of it, and it is an error only when no frame could be read.
func Read(ctx context.Context, o *ReadOptions) (*Summary, error) {
	s, err := o.settings()
	if err != nil {
		return nil, err
	}
	show := newProgress(o.Progress)
	defer show.done()
	show.step("loading rules …")
	set, err := o.ruleSet(s)
	if err != nil {
		return nil, err
	}
	sum := &Summary{Rules: set, Out: filepath.Join(o.OutDir, "eve.json"), verbose: o.Verbose, totals: totals{}}
	files, err := captures(o.File)
	if err != nil {
		return nil, err
	}
	want, err := filter.Compile(o.Filter)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.OutDir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder for eve.json: %w (write another one after -l)", err)
	}
	out, err := eve.Open(sum.Out, true, slog.Default())
	if err != nil {
		return nil, err
	}
	start := time.Now()
	err = o.readFiles(ctx, s, set, files, want, out, sum, show)
	sum.Took = time.Since(start)
	err = errors.Join(err, out.Close(), saveSets(set.Engine, o.DataDir))
	sum.EVE = out.Counters()
	return sum, err
}

// captures lists the files of a folder by name, or the one file.
func captures(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open capture: %w", err)
	}
	var files []string
	for _, e := range entries {
		file := filepath.Join(path, e.Name())
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = append(files, file)
		}
	}
	return files, nil
}

func (o *ReadOptions) readFiles(ctx context.Context, s *suricata.Settings, set *RuleSet, files []string, want *filter.Filter, out *eve.Writer, sum *Summary, show *progress) error {
	b := blueprint{settings: s, inline: o.inline(s), enforce: o.SimulateIPS, checksums: !o.NoChecksums, offline: true, memory: signatures.NewMemory(), ranges: app.NewRanges(), progress: show}
	b.use(set)
	b.eve = s.EVE()
	b.eve.Offline, b.eve.IPS = true, o.SimulateIPS
	if want.String() != "" {
		b.filter = want
	}
	start := time.Now()
	for _, file := range files {
		before := sum.Packets
		err := b.readFile(ctx, file, max(o.Workers, 1), out, sum)
		if damaged(err) && sum.Packets > before {
			sum.Damaged = append(sum.Damaged, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	eve.NewLogger(&b.eve, out).Stats(sum.last, uint64(time.Since(start).Seconds()), sum.totals.record())
	return ctx.Err()
}

// damaged tells whether a capture could be read up to some place and no further.
func damaged(err error) bool {
	return errors.Is(err, capture.ErrTruncated) || errors.Is(err, capture.ErrDamaged)
}

// readFile walks one capture with one worker, or deals its frames out to several: conversations stay together.
func (b *blueprint) readFile(ctx context.Context, file string, workers int, out *eve.Writer, sum *Summary) (err error) {
	src, err := capture.OpenFile(file, capture.FileOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	defer context.AfterFunc(ctx, src.Interrupt)()
	if b.filter != nil {
		src = &filtered{Source: src, want: b.filter}
	}
	b.eve.PcapFile = file
	if workers == 1 {
		w := b.worker(file, src, out)
		if info, err := os.Stat(file); err == nil {
			w.size = info.Size()
		}
		w.progress = b.progress
		defer sum.add(w)
		return w.run()
	}
	split := capture.NewSplit(src, workers, func(f *capture.Frame) uint32 {
		return packet.HostHash(packet.LinkType(f.Link), f.Data)
	})
	errs := make([]error, workers)
	var all sync.WaitGroup
	for i, part := range split.Sources() {
		w := b.worker(file, part, out)
		defer sum.add(w)
		all.Go(func() { errs[i] = w.run() })
	}
	err = split.Run()
	all.Wait()
	return errors.Join(append(errs, err)...)
}

func (s *Summary) add(w *worker) {
	stats := w.source.Stats()
	s.Packets += stats.Received
	s.Bytes += stats.Bytes
	s.Flows += w.counts.flows.Load()
	s.Alerts += w.counts.alerts.Load()
	s.Drops += w.counts.drops.Load()
	s.totals.capture(stats)
	s.totals.add(w.counts)
	s.last = max(s.last, w.now)
}

// blueprint is what all workers are built from.
type blueprint struct {
	settings  *suricata.Settings
	engine    atomic.Pointer[signatures.Engine]
	memory    *signatures.Memory
	filter    *filter.Filter // nil: all frames
	ranges    *app.Ranges    // files that come in pieces, by whichever worker
	eve       eve.Config
	expect    flow.Expectations // between the flows of all workers
	inline    bool              // streams are judged at once, the first copy of a byte wins
	enforce   bool              // verdicts take effect
	checksums bool
	offline   bool
	urls      map[string]string // of reference systems
	lines     *lines
	findings  *findingDesk             // nil: nobody makes incidents
	history   *actions.History         // nil: of no use offline
	reject    func() (rejecter, error) // nil: rejects are not answered
	offload   bool
	progress  *progress
	workers   atomic.Uint64 // built so far
}

// workerShift is where a worker's number stands in the numbers of its flows; below it live ones count from the time
// of their start, so that a restart does not repeat them. JSON readers keep 53 bits.
const workerShift = 45

// worker builds one worker on a source.
func (b *blueprint) worker(name string, src capture.Source, out *eve.Writer) *worker {
	w := &worker{
		name: name, source: src, enforce: b.enforce, offload: b.offload, counts: &counters{},
		decoder: packet.NewDecoder(b.settings.Decoder(b.checksums)),
		judge:   signatures.NewInspector(&b.engine, b.memory),
		tell:    newTeller(b.lines, b.urls),
		history: b.history,
	}
	w.tell.found = newReporter(b.findings, b.enforce)
	if out != nil {
		w.eve = eve.NewLogger(&b.eve, out)
	}
	layer := app.NewLayer(b.appConfig(), protocols.All())
	flows := b.settings.Flow(b.enforce)
	flows.Expect = &b.expect
	flows.FirstID = (b.workers.Add(1) - 1) << workerShift
	if !b.offline {
		flows.FirstID |= uint64(time.Now().Unix()) << 20 & (1<<workerShift - 1)
	}
	w.flows = flow.NewTable(flows, b.settings.Stream(b.inline, b.checksums, b.enforce), layer, w)
	return w
}

// use puts a rule set in force: workers pick the engine up before their next packet.
func (b *blueprint) use(set *RuleSet) {
	b.urls = set.URLs
	b.engine.Store(set.Engine)
}

// appConfig adds what rules and outputs ask of the parsers to their settings.
func (b *blueprint) appConfig() *app.Config {
	c := b.settings.App(b.inline)
	md5, sha1, sha256 := b.engine.Load().Hashes()
	c.Ranges = b.ranges
	c.MD5, c.SHA1, c.SHA256 = c.MD5 || md5, c.SHA1 || sha1, c.SHA256 || sha256
	c.Frames = b.engine.Load().Frames()
	if b.engine.Load().Uses("ssh.hassh") {
		c.Settings["ssh.hassh"] = "yes"
	}
	if b.eve.Frames() {
		c.Frames = math.MaxUint64
	}
	return c
}
