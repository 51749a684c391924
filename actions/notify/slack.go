package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"picket/incidents"
)

// slacker posts to Slack: everything about one incident goes into one thread, measures' output too.
type slacker struct {
	*Slack
	threads *threads
}

func (s *slacker) send(ctx context.Context, m *Message) error {
	text := "*" + escape(m.Title) + "*\n```" + escape(strings.ReplaceAll(m.Text, "```", "'''")) + "```"
	if s.Token == "" {
		url, err := s.Webhook.Value()
		if err != nil {
			return err
		}
		_, err = post(ctx, url, map[string]string{"text": text}, nil, url)
		return wrap(err)
	}
	token, err := s.Token.Value()
	if err != nil {
		return err
	}
	body := map[string]string{"channel": s.Channel, "text": text}
	about := incidentOf(m)
	if ts := s.threads.of(s.Channel, about); ts != "" {
		body["thread_ts"] = ts
	}
	answer, err := post(ctx, s.api()+"/chat.postMessage", body, map[string]string{"Authorization": "Bearer " + token})
	if err != nil {
		return wrap(err)
	}
	return s.posted(answer, about)
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("slack: %w", err)
	}
	return nil
}

func (s *slacker) api() string {
	if s.API == "" {
		return "https://slack.com/api"
	}
	return strings.TrimRight(s.API, "/")
}

// incidentOf is the incident that a message belongs to; 0 for none.
func incidentOf(m *Message) incidents.ID {
	switch {
	case m.Incident != nil:
		return m.Incident.ID
	case m.Measure != nil:
		return m.Measure.Incident
	}
	return 0
}

// unfit lists Slack's errors that mean the message itself (its manual of chat.postMessage). All others may end: a token is
// put right, a channel is made, a limit passes.
var unfit = []string{"msg_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "restricted_action_thread_locked"}

// posted reads Slack's answer: the first message of an incident begins its thread.
func (s *slacker) posted(answer []byte, about incidents.ID) error {
	var a struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
		TS    string `json:"ts"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return fmt.Errorf("slack: its answer is no JSON: %w", err)
	}
	if !a.OK {
		err := fmt.Errorf("slack: %s", incidents.Printable(a.Error[:min(len(a.Error), 200)]))
		if slices.Contains(unfit, a.Error) {
			return permanent{err}
		}
		return err
	}
	s.threads.begin(s.Channel, about, a.TS)
	return nil
}

// escape makes text harmless to Slack's markup.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// threads remembers the thread of each incident, over restarts too.
type threads struct {
	mu   sync.Mutex
	path string
	list []thread // the newest last
}

type thread struct {
	Channel  string       `json:"channel"`
	Incident incidents.ID `json:"incident"`
	TS       string       `json:"ts"`
}

const maxThreads = 4096

func openThreads(path string) *threads {
	t := &threads{path: path}
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &t.list) // damaged: new threads are begun
	}
	return t
}

func (t *threads) of(channel string, about incidents.ID) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.list) - 1; i >= 0; i-- {
		if t.list[i].Channel == channel && t.list[i].Incident == about && about != 0 {
			return t.list[i].TS
		}
	}
	return ""
}

// join lets an incident have the threads of one that turned out to be part of it.
func (t *threads) join(from, into incidents.ID) {
	t.mu.Lock()
	list := slices.Clone(t.list)
	t.mu.Unlock()
	for _, one := range list {
		if one.Incident == from {
			t.begin(one.Channel, into, one.TS)
		}
	}
}

// begin notes a thread; of an incident that has one the first stays.
func (t *threads) begin(channel string, about incidents.ID, ts string) {
	if about == 0 || t.of(channel, about) != "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, thread{channel, about, ts})
	t.list = t.list[max(len(t.list)-maxThreads, 0):]
	if text, err := json.Marshal(t.list); err == nil && os.WriteFile(t.path+".new", text, 0o600) == nil {
		_ = os.Rename(t.path+".new", t.path) // lost: a thread more after the next restart
	}
}
