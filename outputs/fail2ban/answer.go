package fail2ban

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
	f2b "picket/rules/fail2ban"
)

// answerer answers the commands of one client.
type answerer struct{ host Host }

// A verb is what a command's first word stands for; args are the other words.
type verb func(a answerer, ctx context.Context, args words) (any, error)

// verbs are all commands. Those that fail2ban's own client sends to a server that it has just started (server-stream,
// thread and database settings) have no meaning here.
var verbs = map[string]verb{
	"ping":          func(answerer, context.Context, words) (any, error) { return "pong", nil },
	"version":       func(answerer, context.Context, words) (any, error) { return f2b.Version, nil },
	"server-status": func(answerer, context.Context, words) (any, error) { return "Server ready", nil },
	"config-error":  func(answerer, context.Context, words) (any, error) { return nil, nil },
	"echo":          func(_ answerer, _ context.Context, args words) (any, error) { return pickle.List(args), nil },
	"status":        answerer.status,
	"stats":         answerer.statistics,
	"statistic":     answerer.statistics,
	"statistics":    answerer.statistics,
	"banned":        answerer.banned,
	"unban":         answerer.unban,
	"get":           answerer.get,
	"set":           func(a answerer, ctx context.Context, args words) (any, error) { return a.set(ctx, args, false) },
	"multi-set":     func(a answerer, ctx context.Context, args words) (any, error) { return a.set(ctx, args, true) },
	"add":           answerer.add,
	"start":         answerer.start,
	"stop":          answerer.stop,
	"reload":        answerer.reload,
	"flushlogs":     answerer.flushLogs,
}

// shutdown is the value of the last answer: all jails are stopped.
type shutdown struct{}

// reply answers one pickled message with another: (0, value) or (1, exception). last tells that nobody is to be answered
// after it.
func (a answerer) reply(ctx context.Context, message []byte) (reply []byte, last bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	value, err := a.answer(ctx, message)
	if _, last = value.(shutdown); last {
		value = nil
	}
	answer := pickle.Tuple{0, value}
	if err != nil {
		answer, last = pickle.Tuple{1, exception(err)}, false
	}
	b, err := pickle.Encode(answer)
	if err != nil { // a value that Python has no type for: a fault of ours
		b, _ = pickle.Encode(pickle.Tuple{1, pickle.Exception("Exception", err.Error())})
	}
	return b, last
}

func (a answerer) answer(ctx context.Context, message []byte) (any, error) {
	v, err := pickle.Decode(message)
	if err != nil {
		return nil, err
	}
	command, ok := listOf(v)
	if !ok || len(command) == 0 {
		return nil, errInvalid
	}
	return a.do(ctx, words(command))
}

func (a answerer) do(ctx context.Context, command words) (any, error) {
	name, _ := command[0].(string)
	do, ok := verbs[name]
	if !ok {
		return nil, errInvalid
	}
	return do(a, ctx, command[1:])
}

func listOf(v any) ([]any, bool) {
	switch v := v.(type) {
	case pickle.List:
		return v, true
	case pickle.Tuple:
		return v, true
	case []any:
		return v, true
	}
	return nil, false
}

// words are what follows a verb. Missing ones are Python's IndexError, as in fail2ban.
type words []any

// errors that clients know by their text or class.
var (
	errInvalid       = errors.New("Invalid command")                                        //lint:ignore ST1005 fail2ban's own words
	errInvalidGet    = errors.New("Invalid command (no get action or not yet implemented)") //lint:ignore ST1005 fail2ban's own words
	errInvalidStatus = errors.New("Invalid command (no status)")                            //lint:ignore ST1005 fail2ban's own words
	errMissing       = &pickled{pickle.Exception("IndexError", "list index out of range")}  // "Sorry but the command is invalid"
)

// pickled is an error of a certain Python class.
type pickled struct{ object pickle.Object }

func (p *pickled) Error() string { return pickle.Text(p.object) }

func valueError(format string, args ...any) error {
	return &pickled{pickle.Exception("ValueError", fmt.Sprintf(format, args...))}
}

// exception is an error as Python's exceptions have it.
func exception(err error) pickle.Object {
	var p *pickled
	var none *unknownJail
	var absent *fs.PathError
	switch {
	case errors.As(err, &p):
		return p.object
	case errors.As(err, &none):
		return pickle.Object{Module: "fail2ban.exceptions", Name: "UnknownJailException", Args: pickle.Tuple{none.name}}
	case errors.As(err, &absent) && errors.Is(err, fs.ErrNotExist):
		return pickle.Object{Module: "exceptions", Name: "FileNotFoundError",
			Args: pickle.Tuple{noEntry, "No such file or directory", absent.Path}}
	}
	return pickle.Exception("Exception", err.Error())
}

// noEntry is Linux's number for a file that is not there.
const noEntry = 2

// unknownJail says which jail is meant; rules.ErrNoJail comes without the bare name.
type unknownJail struct{ name string }

func (e *unknownJail) Error() string { return rules.NoJail(e.name).Error() }

// named gives the jail's name to an error about a jail that is not there.
func named(jail string, err error) error {
	if errors.Is(err, rules.ErrNoJail) {
		return &unknownJail{jail}
	}
	return err
}

// word returns a word as text: numbers and switches count as what they would be written as.
func (w words) word(i int) (string, error) {
	if i >= len(w) {
		return "", errMissing
	}
	return pickle.Text(w[i]), nil
}

// texts returns the words from an index on.
func (w words) texts(from int) []string {
	var all []string
	for i := from; i < len(w); i++ {
		all = append(all, pickle.Text(w[i]))
	}
	return all
}
