package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions/measure"
	"picket/actions/procfs"
)

// Runner runs plugins on this host.
type Runner struct {
	User string // for plugins that name none; "" is nobody
	Host Host
	Dir  string // where the time of each plugin's last run is kept
	// Announce tells all terminals what will be run.
	Announce func(ctx context.Context, text string) error

	noCgroups bool       // as on a host without them
	mu        sync.Mutex // of the times
}

// doer is one plugin, as it is now, as a measure.
type doer struct {
	*Manifest
	runner *Runner
}

// Plugin is an installed plugin as a measure. It stays the same when the plugin is installed anew.
type Plugin struct {
	now    atomic.Pointer[Manifest]
	runner *Runner
}

var _ measure.Doer = (*Plugin)(nil)

// Doers are plugins as measures, by textkey.
func (r *Runner) Doers(list []*Manifest) measure.Doers {
	all := measure.Doers{}
	for _, m := range list {
		p := &Plugin{runner: r}
		p.now.Store(m)
		all[m.Textkey] = p
	}
	return all
}

// Renew puts a manifest that was read anew in force; what runs ends as it began.
func (p *Plugin) Renew(m *Manifest) { p.now.Store(m) }

func (p *Plugin) doer() *doer { return &doer{p.now.Load(), p.runner} }

// About is what the plugin does, in its author's words.
func (p *Plugin) About() string { return p.now.Load().Description }

// Able implements measure.Doer.
func (p *Plugin) Able() error { return p.doer().Able() }

// Plan implements measure.Doer.
func (p *Plugin) Plan(ctx context.Context, o *measure.Order) (measure.Plan, error) {
	return p.doer().Plan(ctx, o)
}

// Do implements measure.Doer.
func (p *Plugin) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	return p.doer().Do(ctx, o)
}

// Prove implements measure.Doer: a plugin's effect is its own to check; that it ended well is known.
func (p *Plugin) Prove(context.Context, *measure.Order) (string, error) {
	return "the plugin has ended with code 0", nil
}

// Undo implements measure.Doer.
func (p *Plugin) Undo(context.Context, *measure.Order) error {
	return fmt.Errorf("plugin %s: picket does not know how to take it back", p.now.Load().Textkey)
}

// Able tells why this host cannot run it.
func (d *doer) Able() error {
	if _, err := d.account(); err != nil {
		return err
	}
	_, err := d.arguments()
	return err
}

// Plan says what would be run.
func (d *doer) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	account, err := d.account()
	if err != nil {
		return measure.Plan{}, err
	}
	steps := []string{fmt.Sprintf("run %q as %s, at most %s", strings.Join(d.Command, " "), account.Username, d.Runtime())}
	if d.WallAnnounceDelay > 0 {
		steps = append([]string{fmt.Sprintf("announce it to all terminals and wait %s", time.Duration(d.WallAnnounceDelay))}, steps...)
	}
	return measure.Plan{Target: d.Name, Steps: steps}, nil
}

// account is the user that runs the plugin. Root is refused unless picket is not root itself.
func (d *doer) account() (*user.User, error) {
	name := d.User
	if name == "" {
		name = d.runner.User
	}
	if name == "" {
		name = "nobody"
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w (create the user, or name another in plugins.user)", d.Textkey, err)
	}
	if u.Uid == "0" {
		return nil, fmt.Errorf("plugin %s: it may not run as root (let it use sudo, and list its commands in sudo_requirements)", d.Textkey)
	}
	return u, nil
}

// arguments are the words that are executed: prlimit sets the bounds, then becomes the plugin.
func (d *doer) arguments() ([]string, error) {
	words := []string{"/bin/sh", "-c", strings.Join(d.Command, " ")}
	if !d.Shell {
		program, err := d.program()
		if err != nil {
			return nil, fmt.Errorf("plugin %s: %w", d.Textkey, err)
		}
		words = append([]string{program}, d.Command[1:]...)
	}
	limiter, err := exec.LookPath("prlimit")
	if err != nil {
		return nil, errors.New("plugins need prlimit (package util-linux), which bounds their memory and descriptors")
	}
	memory, files, procs := orDefault(d.Memory, defaultMemory)<<20, orDefault(d.Files, defaultFiles), orDefault(d.Processes, defaultProcs)
	return append([]string{limiter, fmt.Sprintf("--as=%d", memory), fmt.Sprintf("--nofile=%d", files), fmt.Sprintf("--nproc=%d", procs),
		"--core=0", "--"}, words...), nil
}

func orDefault(v, otherwise uint64) uint64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// request is what a plugin reads from its standard input.
type request struct {
	Verb     string            `json:"verb"` // run, validate, prepare
	Args     map[string]string `json:"args"`
	Metadata Metadata          `json:"metadata"`
}

// reply is what a plugin with the protocol json answers on its standard output.
type reply struct {
	Output     string `json:"output"`
	Format     string `json:"format"` // "text" (default), "html", "markdown"
	ReturnCode int    `json:"return_code"`
	Error      string `json:"error"`
}

// Do runs it. What was begun before a crash is not run again: nobody knows what it has done.
func (d *doer) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	if o.Again {
		return measure.Result{}, fmt.Errorf("plugin %s was running when picket ended; what it has done is not known (run it again by hand if that does no harm)", d.Textkey)
	}
	if err := d.runner.admit(d.Manifest, time.Now()); err != nil {
		return measure.Result{}, err
	}
	note, err := d.announce(ctx, o)
	if err != nil {
		return measure.Result{}, err
	}
	ran, err := d.run(ctx, "run", o)
	r := ran.result()
	if r.Output.Type == "text/plain" {
		r.Output.Text = note + r.Output.Text
	}
	return r, err
}

// Verb runs one of the verbs of a plugin with the protocol json outside of any incident: validate asks whether its
// arguments and surroundings are right, prepare lets it do its set-up. Plugins of text have neither.
func (r *Runner) Verb(ctx context.Context, m *Manifest, verb string, args map[string]string) (string, error) {
	d := &doer{m, r}
	if m.Protocol != "json" {
		return "", d.Able()
	}
	o := &measure.Order{Measure: &measure.Measure{Spec: measure.Spec{Name: m.Textkey, Args: args}, Created: time.Now()}}
	ran, err := d.run(ctx, verb, o)
	if ran.answer != nil {
		return ran.answer.Output, err
	}
	return ran.output.String(), err
}

// ran is a plugin's run.
type ran struct {
	output, errors measure.Buffer
	code           int
	answer         *reply // of the protocol json
	left           []int  // processes that go on after it, such as a service that it has restarted
}

func (r *ran) result() measure.Result {
	out := measure.Output{Type: "text/plain", Text: r.output.String(), Cut: r.output.Cut}
	if r.answer != nil {
		out.Text = r.answer.Output
		switch r.answer.Format {
		case "html":
			out.Type = "text/html"
		case "markdown":
			out.Type = "text/markdown"
		}
	}
	if text := r.errors.String(); text != "" && out.Type == "text/plain" {
		out.Text += text
	}
	if len(r.left) > 0 && out.Type == "text/plain" {
		out.Text += "\nThe plugin has ended; what it has started goes on:\n"
		for _, pid := range r.left[:min(len(r.left), maxLeft)] {
			out.Text += fmt.Sprintf("process %d: %s\n", pid, procfs.Printable(procfs.Command(pid, 200)))
		}
	}
	return measure.Result{Exit: r.code, Output: out}
}

// run runs the plugin's program once and waits until nothing of it is left.
func (d *doer) run(ctx context.Context, verb string, o *measure.Order) (*ran, error) {
	r := &ran{output: measure.Buffer{Limit: measure.MaxOutput}, errors: measure.Buffer{Limit: measure.MaxOutput / 4}}
	words, err := d.arguments()
	if err != nil {
		return r, err
	}
	in, err := json.Marshal(request{verb, args(o), metadata(o, &d.runner.Host)})
	if err != nil {
		return r, fmt.Errorf("plugin %s: %w", d.Textkey, err)
	}
	ctx, cancel := context.WithTimeout(ctx, d.Runtime())
	defer cancel()
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = d.dir, bytes.NewReader(in), &r.output, &r.errors
	cage, err := d.confine(c, o)
	if err != nil {
		return r, err
	}
	defer cage.close()
	c.Cancel = func() error { cage.kill(); return os.ErrProcessDone }
	c.WaitDelay = killWait
	err = c.Run()
	if ctx.Err() != nil {
		return r, d.ended(ctx, r, cage)
	}
	if err = d.judge(r, err); err != nil { // what it has begun is not what was wanted
		return r, errors.Join(err, cage.empty())
	}
	r.left = cage.members()
	return r, nil
}

func args(o *measure.Order) map[string]string {
	if o.Measure.Args == nil {
		return map[string]string{}
	}
	return o.Measure.Args
}

// ended is the error of a run that was ended. It promises no more than can be known.
func (d *doer) ended(ctx context.Context, r *ran, k *cage) error {
	r.code = -1
	left := k.empty()
	whole := "with all that it had started"
	if k.cgroup == "" {
		whole = "with all that can be known as its own (this host has no cgroup v2 that picket may write: a process that has cleared its environment would not be found)"
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("plugin %s was ended, %s: %w", d.Textkey, whole, context.Cause(ctx)), left)
	}
	return errors.Join(fmt.Errorf("plugin %s was ended after %s (max_runtime), %s", d.Textkey, d.Runtime(), whole), left)
}

// judge turns how a run has ended into its error. What a plugin that has ended well leaves running, a service that it has
// restarted, goes on.
func (d *doer) judge(r *ran, err error) error {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
		err = fmt.Errorf("plugin %s ended with code %d: %s", d.Textkey, r.code, firstLine(r.errors.String()))
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("plugin %s: %w", d.Textkey, err)
	default:
		err = nil
	}
	if d.Protocol == "json" {
		err = errors.Join(err, d.read(r))
	}
	return err
}

// read takes a JSON answer apart.
func (d *doer) read(r *ran) error {
	var a reply
	if err := json.Unmarshal([]byte(r.output.String()), &a); err != nil {
		return fmt.Errorf("plugin %s: its answer is not the JSON object that its protocol promises: %w", d.Textkey, err)
	}
	r.answer = &a
	if r.code == 0 {
		r.code = a.ReturnCode
	}
	if a.Error != "" || a.ReturnCode != 0 {
		return fmt.Errorf("plugin %s answered with code %d: %s", d.Textkey, a.ReturnCode, a.Error)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return procfs.Printable(line[:min(len(line), 300)])
}

// admit holds a plugin to its max_frequency. The time of the last run survives a restart: it is a file's.
func (r *Runner) admit(m *Manifest, now time.Time) error {
	if m.MaxFrequency <= 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.Dir, m.Textkey+".last")
	if info, err := os.Stat(path); err == nil {
		if since := now.Sub(info.ModTime()); since >= 0 && since < time.Duration(m.MaxFrequency) {
			return fmt.Errorf("plugin %s ran %s ago; %s must lie between two runs (max_frequency)", m.Textkey, since.Round(time.Second), time.Duration(m.MaxFrequency))
		}
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return fmt.Errorf("plugin %s: %w", m.Textkey, err)
	}
	if err := os.WriteFile(path, []byte(stamp(now)+"\n"), 0o600); err != nil {
		return fmt.Errorf("plugin %s: note the time of its run: %w", m.Textkey, err)
	}
	return os.Chtimes(path, now, now)
}

// maxLeft bounds the processes that a result names.
const maxLeft = 20

// killWait is how long the kernel may take to clear away what was killed.
const killWait = 3 * time.Second

// cage holds all processes of one run: a cgroup where there are such, and the mark in their environment everywhere.
type cage struct {
	command *exec.Cmd
	mark    string // NAME=value in the environment of all that the plugin starts
	cgroup  string // its folder, "" without
	fd      int
}

// confine sets the plugin's user, group, session, environment and cgroup.
func (d *doer) confine(c *exec.Cmd, o *measure.Order) (*cage, error) {
	account, err := d.account()
	if err != nil {
		return nil, err
	}
	k := &cage{command: c, mark: fmt.Sprintf("PICKET_RUN=%d-%d-%d", os.Getpid(), o.Measure.ID, time.Now().UnixNano()), fd: -1}
	c.Env = []string{"PATH=" + searchPath, "LANG=C.UTF-8", "HOME=/nonexistent", "PICKET_MEASURE=" + strconv.FormatInt(int64(o.Measure.ID), 10), k.mark}
	for name, value := range d.Environment {
		c.Env = append(c.Env, name+"="+value)
	}
	slices.Sort(c.Env)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		uid, _ := strconv.ParseUint(account.Uid, 10, 32) // user.Lookup gives numbers
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if !d.runner.noCgroups {
		k.enterCgroup()
	}
	return k, nil
}

// enterCgroup makes the run a cgroup of its own where that is possible.
func (k *cage) enterCgroup() {
	root := procfs.CgroupRoot()
	if root == "" {
		return
	}
	dir := filepath.Join(root, "picket-"+strings.TrimPrefix(k.mark, "PICKET_RUN="))
	if os.Mkdir(dir, 0o755) != nil {
		return // no privilege: the mark serves
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = os.Remove(dir)
		return
	}
	k.cgroup, k.fd = dir, fd
	k.command.SysProcAttr.UseCgroupFD, k.command.SysProcAttr.CgroupFD = true, fd
}

// members are the processes of the run that are there now.
func (k *cage) members() []int {
	if k.cgroup != "" {
		if list, err := procfs.Members(k.cgroup); err == nil {
			return list
		}
	}
	return marked(k.mark)
}

// marked finds processes by an entry of their environment.
func marked(entry string) (list []int) {
	for _, p := range procfs.All() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err == nil && p.State != 'Z' && bytes.Contains(env, []byte(entry)) {
			list = append(list, p.PID)
		}
	}
	return list
}

// killRounds bounds how often what forks faster than it dies is killed again.
const killRounds = 32

// kill ends all processes of the run.
func (k *cage) kill() {
	if k.cgroup != "" && os.WriteFile(k.cgroup+"/cgroup.kill", []byte("1"), 0) == nil {
		return
	}
	_ = syscall.Kill(-k.command.Process.Pid, syscall.SIGKILL) // its process group, at once
	for range killRounds {
		list := k.members()
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// empty makes sure that nothing is left of a run that was ended.
func (k *cage) empty() error {
	k.kill()
	for until := time.Now().Add(killWait); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if len(k.members()) == 0 {
			return nil
		}
	}
	return fmt.Errorf("processes that the plugin has started are still there: %v", k.members())
}

// close takes the cgroup away. What goes on, a service that was restarted, moves to the root of the hierarchy.
func (k *cage) close() {
	if k.fd < 0 {
		return
	}
	unix.Close(k.fd)
	for _, pid := range k.members() {
		_ = os.WriteFile(filepath.Join(filepath.Dir(k.cgroup), "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
	}
	_ = os.Remove(k.cgroup) // one that cannot be removed is an empty folder
}
