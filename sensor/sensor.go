package sensor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"picket/actions"
	"picket/actions/firewall"
	"picket/actions/measure"
	"picket/actions/notify"
	"picket/actions/policy"
	"picket/capture"
	"picket/incidents"
	"picket/outputs/eve"
	"picket/outputs/store"
	"picket/outputs/web"
	"picket/signatures"
	"picket/traffic/app"
	"picket/watch"
	"picket/watch/logs"
)

// Sensor is a running picket.
type Sensor struct {
	config    atomic.Pointer[Config]
	rules     atomic.Pointer[RuleSet]
	log       *slog.Logger
	version   string
	since     time.Time
	plan      blueprint
	eve       *eve.Writer // nil: no EVE
	responder *actions.Responder
	bansPort  uint32 // of the netlink socket that changes bans in the kernel; 0: none does
	gate      *actions.Gate
	decisions *actions.Decisions
	store     *store.Store
	book      *incidents.Casebook
	desk      *measure.Desk
	doers     measure.Doers
	notifier  *notify.Notifier
	policies  atomic.Pointer[policy.Set]
	state     *standIn       // or the state directory itself
	memory    *policy.Memory // of policies
	locals    locals
	unsettled []incidents.Event // of the run before, until settle has handed them on
	causes    causes            // of deviations that are not repaired
	host      string            // this host's name
	control   net.Listener
	metrics   net.Listener                       // nil: Prometheus is not answered
	fail2ban  net.Listener                       // nil: fail2ban's clients are not answered
	reopened  chan net.Listener                  // the same, after fail2ban-client has stopped all jails and they start again
	queues    atomic.Pointer[capture.QueueTable] // nil unless inline and installed
	posts     []*post
	jails     atomic.Pointer[[]*jailPost] // of log lines; the judge puts in another list, see posted
	judge     *judgeOfLines               // of log lines; nil: no log is judged
	banLog    banLog                      // in fail2ban's words
	resolver  resolver                    // of hosts, for jails
	takeover  *takeover                   // of fail2ban's bans; nil: none, or done
	watchers  []watch.Source
	syslog    *logs.Syslog    // nil: nothing is received
	positions *logs.Positions // nil without jails
	reloading sync.Mutex
	bansLost  atomic.Uint64
}

// post is a place where packets come in: a source, opened anew when it fails, and its worker.
type post struct {
	name      string
	open      func() (capture.Source, error)
	source    atomic.Pointer[capture.Source]
	counts    *counters
	restarted atomic.Uint64
}

// RunOptions are the arguments of picket run.
type RunOptions struct {
	Config   *Config
	Version  string
	Terminal io.Writer // a line for each alert; nil: none
	Log      *slog.Logger
}

// New builds everything that can fail before a packet is touched: rules, outputs, ledger, sockets. Close what it
// returns by Run.
func New(o RunOptions) (*Sensor, error) {
	s := &Sensor{log: o.Log, version: o.Version, since: time.Now(), reopened: make(chan net.Listener, 1)}
	for _, step := range []func(o *RunOptions) error{s.prepareState, s.prepareRules, s.prepareEVE, s.prepareIncidents, s.prepareBans, s.prepareMeasures, s.prepareJails, s.prepareControl, s.prepareMetrics, s.prepareFail2ban, s.preparePosts} {
		if err := step(&o); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// prepareState finds the directory where state is kept: all that follows keeps its own there.
func (s *Sensor) prepareState(o *RunOptions) (err error) {
	if s.state, err = openState(o.Config.StateDir, standInRoot, s.log); err != nil {
		return err
	}
	c := *o.Config
	c.StateDir = s.state.dir
	o.Config = &c
	s.config.Store(&c)
	return nil
}

func (s *Sensor) prepareRules(o *RunOptions) error {
	c := o.Config
	read := ReadOptions{Config: c}
	settings, err := read.settings()
	if err != nil {
		return err
	}
	if !settings.Has("exception-policy") {
		// Connections that are open when picket starts go on; Suricata's "auto" would drop them inline.
		if err := settings.Set("exception-policy=ignore"); err != nil {
			return err
		}
	}
	enforce := c.Mode == Enforce
	src := c.ruleSources(settings, enforce && c.Capture.Inline.Enabled)
	src.dataDir = c.setsDir(settings)
	set, err := src.build()
	if err != nil {
		return err
	}
	s.rules.Store(set)
	for _, f := range set.Refused() {
		s.log.Warn("rule refused", "fault", f.Error())
	}
	s.plan = blueprint{
		settings: settings, inline: c.Capture.Inline.Enabled, enforce: enforce && c.Capture.Inline.Enabled,
		checksums: true, memory: signatures.NewMemory(), ranges: app.NewRanges(), offload: c.Capture.Inline.Offload,
	}
	s.plan.use(set)
	if enforce {
		s.plan.reject = func() (rejecter, error) { return openRejects(!c.Capture.Inline.Enabled) }
	}
	if o.Terminal != nil {
		s.plan.lines = &lines{out: o.Terminal}
	}
	s.log.Info("rules loaded", "rules", set.Loaded(), "refused", len(set.Refused()), "took", set.Took)
	return nil
}

func (s *Sensor) prepareEVE(o *RunOptions) error {
	c := o.Config
	if !c.EVE.Enabled {
		return nil
	}
	s.plan.eve = s.plan.settings.EVE()
	s.plan.eve.IPS = s.plan.enforce
	if s.plan.settings.Output("eve-log") == "" {
		s.plan.eve.CommunityID = c.EVE.CommunityID
	}
	if len(c.EVE.Types) > 0 {
		s.plan.eve.All, s.plan.eve.Types = false, map[string]bool{}
		for _, t := range c.EVE.Types {
			s.plan.eve.Types[t] = true
		}
	}
	var err error
	s.eve, err = eve.Open(c.EVE.File, false, s.log)
	return err
}

// prepareBans opens the ledger, and the kernel's table where the mode lets bans reach the kernel.
func (s *Sensor) prepareBans(o *RunOptions) error {
	c := o.Config
	if err := s.prepareGate(c); err != nil {
		return err
	}
	var kernel actions.Firewall
	if c.Mode == Enforce {
		table, err := firewall.Open(firewall.Options{Devices: s.banDevices(c), Log: s.log})
		if err != nil {
			return err
		}
		kernel, s.bansPort = table, table.Port()
	}
	var err error
	s.responder, err = actions.NewResponder(actions.Options{
		StateDir: c.StateDir, Gate: s.gate, Firewall: kernel, Max: c.Bans.Max, Log: s.log, Changed: s.banned, Repaired: s.repaired,
	})
	if err != nil && kernel != nil {
		err = errors.Join(err, kernel.Close())
	}
	return err
}

func (s *Sensor) banDevices(c *Config) []string {
	if len(c.Bans.Devices) > 0 {
		return c.Bans.Devices
	}
	names, err := capture.DefaultInterfaces()
	if err != nil {
		s.log.Warn("no ingress chains: bans take effect at prerouting", "error", err)
	}
	return names
}

func (s *Sensor) prepareControl(o *RunOptions) (err error) {
	s.control, err = web.Listen(o.Config.Socket)
	return err
}

// preparePosts decides where packets come in. Sources are opened by Run.
func (s *Sensor) preparePosts(o *RunOptions) error {
	c := o.Config
	if c.Capture.Inline.Enabled {
		s.inlinePosts(c)
		return nil
	}
	names := c.Capture.Passive.Interfaces
	if len(names) == 0 {
		var err error
		if names, err = capture.DefaultInterfaces(); err != nil {
			return err
		}
		if len(names) == 0 && (len(s.watchers) > 0 || s.syslog != nil) {
			return nil // a host that is only there for its logs
		}
		if len(names) == 0 {
			return errors.New("listen: no interface holds a default route (name some in capture.passive.interfaces)")
		}
	}
	s.passivePosts(c, names)
	return nil
}

func (s *Sensor) passivePosts(c *Config, names []string) {
	const block = 1 << 20
	for i, name := range names {
		for n := range c.workers() {
			opt := capture.RingOptions{
				Interface: name, Promisc: c.Capture.Passive.Promiscuous, BlockSize: block,
				Blocks: max(int(uint64(c.Capture.Passive.Ring)/block), 2),
			}
			if c.workers() > 1 {
				opt.FanoutID = uint16(os.Getpid()<<4 + i)
			}
			s.posts = append(s.posts, &post{
				name: fmt.Sprintf("%s/%d", name, n), counts: &counters{},
				open: func() (capture.Source, error) { return capture.OpenRing(opt) },
			})
		}
	}
}

func (s *Sensor) inlinePosts(c *Config) {
	in := &c.Capture.Inline
	for n := range in.queues() {
		opt := capture.QueueOptions{
			Num: in.Queue + n, FailOpen: in.FailOpen, GSO: true, MaxLen: in.Length,
			Mark: in.mark(), Watchdog: in.Watchdog,
		}
		s.posts = append(s.posts, &post{
			name: fmt.Sprintf("queue %d", opt.Num), counts: &counters{},
			open: func() (capture.Source, error) { return capture.OpenQueue(opt) },
		})
	}
}

// Run works until ctx ends. All goroutines of picket are started here, in startSources and startServices:
//
//	worker       one for each post; ends when its source does
//	processes    names the processes of this host behind findings; ends when the last worker has
//	watchers     one for all log files, one for each jail that reads the journal
//	syslog       receives messages; one more goroutine for each socket and each connection
//	judge        all jails; ends when the last watcher has
//	casebook     makes incidents out of what workers and judge find; ends after them
//	locals       reads this host's addresses, every ten seconds
//	gate         looks who must not be banned, every second
//	responder    bans; ends after the workers, so that none of their requests is lost
//	settle       hands the last findings of the run before to the measures; ends when it has
//	measures     the desk: the life of all measures; begins one goroutine for each that is in process, measures.workers at most
//	notifier     tells people; one more goroutine for each receiver that is being told
//	plugins      fetches plugins anew
//	memory       writes down what policies remember, every second
//	control      answers picket status, ban, reload
//	metrics      answers Prometheus
//	fail2ban     answers fail2ban's clients
//	take-over    asks for the bans that fail2ban has left; ends when it has
//	stats        writes EVE's stats record
//	store        started by store.Open: commits incidents and measures; ends when it is closed
//	EVE writer   started by eve.Open; ends when it is closed, after the last worker
func (s *Sensor) Run(ctx context.Context) error {
	c := newCrew(ctx)
	opened := s.startSources(c)
	s.startServices(c)
	err := s.ready(opened)
	if err == nil {
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
		s.log.Info("at work", "mode", string(s.config.Load().Mode), "sources", len(s.posts))
		select {
		case <-ctx.Done():
		case <-c.ended:
		}
	}
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	if table := s.queues.Load(); table != nil { // the rule goes first: what is queued is still answered, nothing new comes
		err = errors.Join(err, table.Remove())
	}
	s.end(c)
	return errors.Join(err, c.err, s.saveSets(s.plan.engine.Load()), s.closeOutputs())
}

// startSources starts what brings packets and lines in. Each post tells the channel once whether it could be opened.
func (s *Sensor) startSources(c *crew) <-chan error {
	if s.judge != nil {
		c.needed(&c.sources, func(ctx context.Context) error { return s.judge.run(context.WithoutCancel(ctx)) })
		c.needed(&c.sources, func(ctx context.Context) error {
			defer close(s.judge.batches) // the judge ends when the last watcher has
			return s.watchAll(ctx)
		})
	}
	opened := make(chan error, len(s.posts))
	for _, p := range s.posts {
		c.needed(&c.sources, func(ctx context.Context) error { return s.work(ctx, p, opened) })
	}
	return opened
}

// startServices starts what becomes of what was found, and those who answer and tell.
func (s *Sensor) startServices(c *crew) {
	c.naming.Go(s.plan.findings.processes.run)
	c.needed(&c.book, s.book.Run)
	c.needed(&c.services, s.responder.Run)
	c.needed(&c.services, s.desk.Run)
	c.needed(&c.services, s.notifier.Run)
	c.needed(&c.services, func(ctx context.Context) error { return web.Serve(ctx, s.control, s) })
	for _, run := range []func(context.Context){
		s.gate.Run, s.keepPlugins, s.keepMemory, s.knowBlocks, s.settle, s.restoreTickets, s.keepLocals, s.watchShapes,
		s.writeStats, s.serveMetrics, s.serveFail2ban, s.finishTakeover,
	} {
		c.services.useful(run)
	}
}

// end ends all goroutines, each station when nothing comes in any more.
func (s *Sensor) end(c *crew) {
	c.sources.end()
	close(s.plan.findings.processes.inbox)
	c.naming.Wait()
	s.stopRunners() // the judge has ended: nobody else touches them
	c.book.end()
	c.services.end()
}

// keepMemory writes down what policies remember.
func (s *Sensor) keepMemory(ctx context.Context) {
	s.memory.Run(ctx, func(err error) { s.log.Error(err.Error()) })
}

// saveSets writes what traffic has added to the sets of an engine.
func (s *Sensor) saveSets(e *signatures.Engine) error {
	return saveSets(e, s.config.Load().setsDir(s.plan.settings))
}

// ready waits until every source is open, then lets traffic come.
func (s *Sensor) ready(opened <-chan error) error {
	var err error
	for range s.posts {
		err = errors.Join(err, <-opened)
	}
	c := s.config.Load()
	in := &c.Capture.Inline
	if err != nil || !in.Enabled || !in.Install {
		return err
	}
	rules := capture.QueueRules{Num: in.Queue, Queues: in.queues(), Bypass: in.Bypass, Interfaces: in.Interfaces}
	for _, h := range in.Hooks {
		rules.Hooks = append(rules.Hooks, capture.Hook(h))
	}
	if in.Offload {
		rules.Offload = in.mark()
	}
	table, err := capture.InstallQueueRules(rules)
	s.queues.Store(table)
	return err
}

// work is one worker: it opens its source and walks packets until ctx ends. A queue that the watchdog has closed
// is opened again; the kernel lets traffic pass meanwhile where bypass is set.
func (s *Sensor) work(ctx context.Context, p *post, opened chan<- error) error {
	for first := true; ; first = false {
		src, err := p.open()
		if first {
			opened <- err
		}
		if err != nil {
			if first {
				return nil // told through opened
			}
			return err
		}
		p.source.Store(&src)
		w := s.plan.worker(p.name, src, s.eve)
		w.live, w.counts = true, p.counts
		err = s.walk(ctx, w)
		if !errors.Is(err, capture.ErrHung) || ctx.Err() != nil {
			return err
		}
		p.restarted.Add(1)
		s.log.Error("a worker hung and its queue was closed by the watchdog; opened again", "queue", p.name)
	}
}

// walk runs a worker on its open source, with what it needs beside it.
func (s *Sensor) walk(ctx context.Context, w *worker) (err error) {
	if s.plan.reject != nil {
		if w.reject, err = s.plan.reject(); err != nil {
			return errors.Join(err, w.source.Close())
		}
		defer func() { err = errors.Join(err, w.reject.Close()) }()
	}
	stop := context.AfterFunc(ctx, w.source.Interrupt)
	defer stop()
	return errors.Join(w.run(), w.source.Close())
}

func (s *Sensor) writeStats(ctx context.Context) {
	every := s.config.Load().EVE.Stats
	if s.eve == nil || every <= 0 {
		return
	}
	logger := eve.NewLogger(&s.plan.eve, s.eve)
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			logger.Stats(now.UnixNano(), uint64(now.Sub(s.since).Seconds()), s.counts().record())
		}
	}
}

func (s *Sensor) closeOutputs() (err error) {
	if s.positions != nil {
		err = s.positions.Close()
	}
	if s.decisions != nil {
		err = errors.Join(err, s.decisions.Close())
	}
	if s.eve != nil {
		err = errors.Join(err, s.eve.Close())
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	s.state.close()
	return err
}

// close gives back what New has opened, when a later step failed.
func (s *Sensor) close() error {
	err := s.closeOutputs()
	if s.control != nil {
		err = errors.Join(err, s.control.Close())
	}
	if s.metrics != nil {
		err = errors.Join(err, s.metrics.Close())
	}
	if s.fail2ban != nil {
		err = errors.Join(err, s.fail2ban.Close())
	}
	return err
}
