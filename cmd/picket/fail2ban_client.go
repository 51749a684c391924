package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"picket/outputs/fail2ban"
	"picket/outputs/fail2ban/pickle"
	"picket/outputs/web"
	f2b "picket/rules/fail2ban"
	"picket/sensor"
)

// client is fail2ban-client: it speaks to fail2ban's socket, so it works with picket and with fail2ban itself.
type client struct {
	*program
	conf, socket            string
	level                   int // verbosity: 1 by default
	dump, test, interactive bool
	pretty                  bool
}

// failed is fail2ban-client's exit code for everything that went wrong.
const failed = 255

const clientShort = "hc:s:p:xfbdtviqV"

var clientLong = []string{
	"loglevel=", "logtarget=", "syslogsocket=", "test", "async", "conf=", "pidfile=", "pname=", "socket=", "timeout=",
	"str2sec=", "help", "version", "dp", "dump-pretty",
}

// runFail2banClient is fail2ban-client, and as much of fail2ban-server as a client can be.
func runFail2banClient(p *program) int {
	c := &client{program: p, conf: "/etc/fail2ban", level: 1}
	options, args, err := getopt(p.args, clientShort, clientLong)
	if err != nil {
		c.usage()
		fmt.Fprintln(p.err, "Init of command line failed")
		return failed
	}
	for _, o := range options {
		if exit, done := c.option(o); done {
			return exit
		}
	}
	if c.socket == "" {
		c.socket = c.socketOf(c.conf)
	}
	if c.dump || c.test {
		if exit, done := c.checkConfig(len(args) > 0); done {
			return exit
		}
	}
	if c.interactive {
		return c.converse(args)
	}
	if len(args) == 0 {
		c.usage()
		return failed
	}
	return exitOf(c.process(args))
}

func exitOf(ok bool) int {
	if ok {
		return 0
	}
	return failed
}

// option acts on one option; done tells that nothing else is to be done.
func (c *client) option(o setting) (exit int, done bool) {
	switch o.name {
	case "-c", "--conf":
		c.conf = o.value
	case "-s", "--socket":
		c.socket = o.value
	case "-d":
		c.dump = true
	case "--dp", "--dump-pretty":
		c.dump, c.pretty = true, true
	case "-t", "--test":
		c.test = true
	case "-v":
		c.level++
	case "-q":
		c.level--
	case "-i":
		c.interactive = true
	case "--str2sec":
		return c.strToSeconds(o.value), true
	case "-h", "--help":
		c.usage()
		return 0, true
	case "-V":
		fmt.Fprintln(c.out, f2b.Version)
		return 0, true
	case "--version":
		fmt.Fprintln(c.out, "Fail2Ban v"+f2b.Version)
		return 0, true
	}
	return 0, false // the others are about starting fail2ban's server, which picket is not
}

// socketOf is where the server answers: what picket's configuration says, what fail2ban.conf says, fail2ban's usual place.
func (c *client) socketOf(conf string) string {
	if own, err := sensor.LoadConfig(c.config); err == nil && filepath.IsAbs(own.Logs.Socket) {
		return own.Logs.Socket
	}
	s, _ := f2b.ReadServer(conf) // what can't be read leaves the usual place
	return s.Socket
}

// fractions are what makes Python's arithmetic give a float: months, years, points and divisions.
var fractions = regexp.MustCompile(`(?i)[./]|\d\s*(?:mo|mon|months?|y|yy|yea|years?)(?:\W|\d|$)`)

// strToSeconds prints a time span in seconds.
func (c *client) strToSeconds(text string) int {
	v, err := f2b.Seconds(text)
	switch {
	case err != nil:
		fmt.Fprintf(c.out, "ERROR: %s\n", err)
		fmt.Fprintln(c.err, "Init of command line failed")
		return failed
	case fractions.MatchString(text):
		fmt.Fprintln(c.out, pickle.Repr(v))
	default:
		fmt.Fprintln(c.out, int64(v))
	}
	return 0
}

// logError writes a line as fail2ban's logger does.
func (c *client) logError(format string, args ...any) {
	now := time.Now()
	stamp := fmt.Sprintf("%s,%03d", now.Format(time.DateTime), now.Nanosecond()/1e6)
	fmt.Fprintf(c.err, "%s %-24s[%d]: %-7s %s\n", stamp, "fail2ban", os.Getpid(), "ERROR", fmt.Sprintf(format, args...))
}

// process does one command.
func (c *client) process(args []string) bool {
	switch args[0] {
	case "start":
		if len(args) == 1 {
			return c.start()
		}
	case "restart":
		return c.restart(args[1:])
	case "reload":
		return c.reload(args[1:])
	case "help":
		c.usage()
		return true
	}
	command := make([]any, len(args))
	for i, a := range args {
		command[i] = a
	}
	return c.ask(command, true)
}

// ask sends a command and prints what is answered.
func (c *client) ask(command []any, show bool) bool {
	v, ok := c.answer(command)
	if ok && show {
		fmt.Fprintln(c.out, fail2ban.Beautify(command, v))
	}
	return ok
}

// answer sends a command; what goes wrong is told.
func (c *client) answer(command []any) (v any, ok bool) {
	s, err := fail2ban.Dial(c.socket)
	if err != nil {
		c.unreachable(err, command[0] == "ping")
		return nil, false
	}
	defer s.Close()
	if command[0] == "ping" && len(command) > 1 {
		seconds, _ := strconv.ParseFloat(pickle.Text(command[1]), 64)
		s.Timeout = time.Duration(seconds * float64(time.Second))
	}
	v, err = s.Ask(command)
	var refused *fail2ban.Refused
	switch {
	case errors.As(err, &refused):
		c.logError("NOK: %s", pickle.Repr(fail2ban.ErrorArgs(refused.Exception)))
		fmt.Fprintln(c.out, fail2ban.BeautifyError(refused.Exception))
	case err != nil:
		c.logError("%s", err)
	}
	return v, err == nil
}

// unreachable says why nobody could be asked.
func (c *client) unreachable(err error, ping bool) {
	switch {
	case errors.Is(err, os.ErrNotExist):
		c.logError("Failed to access socket path: %s. Is fail2ban running?", c.socket)
	case errors.Is(err, os.ErrPermission):
		c.logError("Permission denied to socket: %s, (you must be root)", c.socket)
	case ping:
		c.logError("%s", err)
	default:
		c.logError("[%s] Unable to contact server. Is it running?", err)
	}
}

// jails returns how many jails are running; ok is false if nobody answers, which is not told.
func (c *client) jails() (n int, ok bool) {
	s, err := fail2ban.Dial(c.socket)
	if err != nil {
		return 0, false
	}
	defer s.Close()
	v, err := s.Ask([]any{"stats"})
	d, _ := v.(pickle.Dict)
	return len(d), err == nil || len(d) > 0
}

// start lets the jails work again that stop has stopped; picket itself is not started here.
func (c *client) start() bool {
	n, ok := c.jails()
	switch {
	case !ok:
		return c.startStopped()
	case n > 0:
		c.logError("Server already running")
		return false
	}
	if _, ok := c.answer([]any{"reload", "--all", []any{}, []any{}}); !ok {
		return false
	}
	fmt.Fprintln(c.out, "Server ready")
	return true
}

// startStopped asks picket itself for its jails: fail2ban's socket is gone while they are stopped.
func (c *client) startStopped() bool {
	own, err := sensor.LoadConfig(c.config)
	if err == nil {
		err = web.NewClient(own.Socket).StartJails(context.Background())
	}
	if err != nil {
		c.logError("The jails can't be started: %s (picket keeps them: systemctl start picket, or picket run)", err)
		return false
	}
	fmt.Fprintln(c.out, "Server ready")
	return true
}

func (c *client) restart(args []string) bool {
	if len(args) > 0 {
		return c.reload(append([]string{"--restart"}, args...))
	}
	if _, ok := c.answer([]any{"reload", "--all", []any{"--restart"}, []any{}}); !ok {
		return false
	}
	fmt.Fprintln(c.out, "Shutdown successful\nServer ready")
	return true
}

// reload asks for the configuration to be read anew. picket reads it itself, so none is sent.
func (c *client) reload(args []string) bool {
	options := []any{}
	for len(args) > 0 && (args[0] == "--restart" || args[0] == "--unban" || args[0] == "--if-exists") {
		options = append(options, args[0])
		args = args[1:]
	}
	if len(args) > 1 {
		c.logError("Unexpected argument(s) for reload: %s", pickle.Repr(args))
		return false
	}
	jail := "--all"
	if len(args) == 1 {
		jail = args[0]
	}
	if s, err := fail2ban.Dial(c.socket); err != nil {
		c.logError("Could not find server")
		return false
	} else {
		s.Close()
	}
	return c.ask([]any{"reload", jail, options, []any{}}, true)
}

// converse reads commands, one a line.
func (c *client) converse(args []string) int {
	if len(args) > 0 && !c.process(args) {
		return failed
	}
	fmt.Fprintf(c.out, "Fail2Ban v%s reads log file that contains password failure report\nand bans the corresponding IP addresses using firewall rules.\n\n", f2b.Version)
	lines := bufio.NewScanner(c.in)
	for {
		fmt.Fprint(c.out, "fail2ban> ")
		if !lines.Scan() {
			fmt.Fprintln(c.out)
			return 0
		}
		words := f2b.SplitShell(lines.Text())
		switch {
		case len(words) == 0:
		case words[0] == "exit", words[0] == "quit":
			return 0
		default:
			c.process(words)
		}
	}
}
