package eve

import (
	"fmt"
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/mqtt"
)

// appendMQTT writes all messages of a transaction, each under its type's name, as rust/src/mqtt/logger.rs does.
// Strings are cut at the setting "mqtt.string-log-limit".
func appendMQTT(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*mqtt.Transaction)
	if !ok {
		return false
	}
	w := mqttWriter{j, limit(c.Cfg.Settings["mqtt.string-log-limit"], 1<<10), yesUnless(c.Cfg.Settings["mqtt.passwords"])}
	j.Object("mqtt")
	for i := range t.Messages {
		w.message(&t.Messages[i])
	}
	j.EndObject()
	return true
}

// yesUnless reads a switch that is on when it is not set.
func yesUnless(s string) bool {
	on, ok := yesNo(s)
	return on || !ok
}

// limit reads a number of bytes with an optional unit.
func limit(s string, def int) int {
	c := app.Config{Settings: map[string]string{"limit": s}}
	return int(c.Size("limit", uint64(def)))
}

// cut writes a string of which not more than most bytes are shown.
func cut(j *JSON, key string, b []byte, most int) {
	if len(b) <= most {
		j.Text(key, b)
		return
	}
	j.Text(key, fmt.Appendf(b[:most:most], "[truncated %s additional bytes]", strconv.Itoa(len(b)-most)))
}

type mqttWriter struct {
	j         *JSON
	most      int
	passwords bool
}

func (w *mqttWriter) message(m *mqtt.Message) {
	j := w.j
	if m.Type == mqtt.Unassigned && !m.Truncated {
		return
	}
	j.Object(m.Type.String())
	j.Uint("qos", uint64(m.QoS))
	j.Bool("retain", m.Retain)
	j.Bool("dup", m.Dup)
	switch {
	case m.Truncated:
		j.Bool("truncated", true)
		j.Uint("skipped_length", uint64(m.Skipped))
	case m.Type == mqtt.Connect:
		w.connect(m.Connect)
		w.properties(m.Properties)
	case m.Type == mqtt.ConnAck:
		j.Bool("session_present", m.SessionPresent)
		j.Uint("return_code", uint64(m.Reason))
		w.properties(m.Properties)
	case m.Type == mqtt.Publish:
		cut(j, "topic", m.Topic, w.most)
		if m.HasID {
			j.Uint("message_id", uint64(m.ID))
		}
		cut(j, "message", m.Body, w.most)
		w.properties(m.Properties)
	default:
		w.other(m)
	}
	j.EndObject()
}

func (w *mqttWriter) other(m *mqtt.Message) {
	j := w.j
	if m.HasID {
		j.Uint("message_id", uint64(m.ID))
	}
	if m.HasReason {
		j.Uint("reason_code", uint64(m.Reason))
	}
	switch m.Type {
	case mqtt.Subscribe, mqtt.Unsubscribe:
		w.topics(m)
	case mqtt.SubAck:
		w.codes("qos_granted", m.Codes)
		return
	case mqtt.UnsubAck:
		if len(m.Codes) > 0 {
			w.codes("reason_codes", m.Codes)
		}
		return
	}
	if m.Type != mqtt.Unsubscribe {
		w.properties(m.Properties)
	}
}

// topics writes the filters until their letters reach the limit together.
func (w *mqttWriter) topics(m *mqtt.Message) {
	j, left := w.j, w.most
	j.Array("topics")
	truncated := false
	for i := range m.Topics {
		t := &m.Topics[i]
		if truncated = left <= 0; truncated {
			break
		}
		if m.Type == mqtt.Subscribe {
			j.Object("")
			cut(j, "topic", t.Name, left)
			j.Uint("qos", uint64(t.QoS))
			j.EndObject()
		} else {
			cut(j, "", t.Name, left)
		}
		left -= len(t.Name)
	}
	j.EndArray()
	if truncated {
		j.Bool("topics_truncated", true)
	}
}

func (w *mqttWriter) codes(key string, codes []byte) {
	w.j.Array(key)
	for _, c := range codes[:min(len(codes), w.most)] {
		w.j.Uint("", uint64(c))
	}
	w.j.EndArray()
	if len(codes) > w.most {
		w.j.Bool(key+"_truncated", true)
	}
}

func (w *mqttWriter) connect(c *mqtt.ConnectData) {
	j := w.j
	cut(j, "protocol_string", c.Protocol, w.most)
	j.Uint("protocol_version", uint64(c.Version))
	cut(j, "client_id", c.ClientID, w.most)
	j.Object("flags")
	j.Bool("username", c.Flags&mqtt.FlagUser != 0)
	j.Bool("password", c.Flags&mqtt.FlagPassword != 0)
	j.Bool("will_retain", c.Flags&mqtt.FlagWillRetain != 0)
	j.Bool("will", c.Flags&mqtt.FlagWill != 0)
	j.Bool("clean_session", c.Flags&mqtt.FlagCleanSession != 0)
	j.EndObject()
	if c.HasUser {
		cut(j, "username", c.User, w.most)
	}
	if c.HasPwd && w.passwords {
		cut(j, "password", c.Password, w.most)
	}
	if c.Flags&mqtt.FlagWill != 0 {
		j.Object("will")
		cut(j, "topic", c.WillTopic, w.most)
		cut(j, "message", c.WillMessage, w.most)
		w.properties(c.WillProperties)
		j.EndObject()
	}
}

func (w *mqttWriter) properties(list []mqtt.Property) {
	if len(list) == 0 {
		return
	}
	j := w.j
	j.Object("properties")
	for i := range list {
		switch p := &list[i]; p.Kind {
		case mqtt.Number:
			j.Uint(p.Name, uint64(p.Number))
		case mqtt.Pair:
			j.name(string(p.Key))
			cut(j, "", p.Text, w.most)
		default:
			cut(j, p.Name, p.Text, w.most)
		}
	}
	j.EndObject()
}
