package signatures

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/mqtt"
)

// mqttKeywords are the MQTT keywords of Suricata 8 ("MQTT Keywords" in its manual). A transaction is judged in the
// direction of its first message, as long as answers may come.
func mqttKeywords() []Keyword {
	both := mqttBoth(nil)
	all := []Keyword{
		{Name: "mqtt.type", Parse: mqttNumber("mqtt.type", both, mqttType, func(m *mqtt.Message, is func(uint64) bool) bool {
			return is(uint64(m.Type))
		})},
		{Name: "mqtt.reason_code", Aliases: []string{"mqtt.connack.return_code"}, Parse: mqttNumber("mqtt.reason_code", both, nil, mqttReason)},
		{Name: "mqtt.flags", Parse: mqttFlags("mqtt.flags", []flagName{{"dup", 8}, {"retain", 1}}, func(m *mqtt.Message) (uint64, bool) {
			return bit(m.Retain, 1) | bit(m.Dup, 8), true
		})},
		{Name: "mqtt.connect.flags", Parse: mqttFlags("mqtt.connect.flags", []flagName{{"username", mqtt.FlagUser},
			{"password", mqtt.FlagPassword}, {"will_retain", mqtt.FlagWillRetain}, {"will", mqtt.FlagWill},
			{"clean_session", mqtt.FlagCleanSession}}, func(m *mqtt.Message) (uint64, bool) {
			if m.Connect == nil {
				return 0, false
			}
			return uint64(m.Connect.Flags), true
		})},
		{Name: "mqtt.qos", Parse: mqttQoS},
		{Name: "mqtt.connack.session_present", Parse: mqttSession},
		number("mqtt.protocol_version", 8, when(app.ToServer, 0, app.MQTT), func(v *view) (uint64, bool) {
			t, ok := v.Tx.Data.(*mqtt.Transaction)
			if !ok {
				return 0, false
			}
			return uint64(*t.Version), true
		}),
	}
	for _, b := range []Buffer{
		{Name: "mqtt.connect.clientid", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.ClientID })},
		{Name: "mqtt.connect.username", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.User })},
		{Name: "mqtt.connect.password", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.Password })},
		{Name: "mqtt.connect.willtopic", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.WillTopic })},
		{Name: "mqtt.connect.willmessage", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.WillMessage })},
		{Name: "mqtt.connect.protocol_string", Points: mqttConnect(func(c *mqtt.ConnectData) []byte { return c.Protocol })},
		{Name: "mqtt.publish.topic", Points: mqttBoth(mqttBytes(func(m *mqtt.Message) []byte { return m.Topic }))},
		{Name: "mqtt.publish.message", Points: mqttBoth(mqttBytes(func(m *mqtt.Message) []byte { return m.Body }))},
		{Name: "mqtt.subscribe.topic", Points: mqttTopics(mqtt.Subscribe)},
		{Name: "mqtt.unsubscribe.topic", Points: mqttTopics(mqtt.Unsubscribe)},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func bit(set bool, value uint64) uint64 {
	if set {
		return value
	}
	return 0
}

func mqttBoth(get func(*view) []byte) []Point {
	return append(at(app.ToServer, 0, get, app.MQTT), at(app.ToClient, 0, get, app.MQTT)...)
}

// mqttBytes makes a getter of the first message in which something is.
func mqttBytes(get func(*mqtt.Message) []byte) func(*view) []byte {
	return func(v *view) []byte {
		t, ok := v.Tx.Data.(*mqtt.Transaction)
		if !ok {
			return nil
		}
		for i := range t.Messages {
			if b := get(&t.Messages[i]); len(b) > 0 {
				return b
			}
		}
		return nil
	}
}

func mqttConnect(get func(*mqtt.ConnectData) []byte) []Point {
	return at(app.ToServer, 0, mqttBytes(func(m *mqtt.Message) []byte {
		if m.Connect == nil {
			return nil
		}
		return get(m.Connect)
	}), app.MQTT)
}

// maxMQTTTopics is how many topics are looked at, as Suricata's subscribe-topic-match-limit has it.
const maxMQTTTopics = 100

func mqttTopics(kind mqtt.Type) []Point {
	return each(app.ToServer, 0, func(v *view, i int) ([]byte, bool) {
		t, ok := v.Tx.Data.(*mqtt.Transaction)
		if !ok || i >= maxMQTTTopics {
			return nil, false
		}
		for k := range t.Messages {
			m := &t.Messages[k]
			if m.Type != kind {
				continue
			}
			if i < len(m.Topics) {
				return m.Topics[i].Name, true
			}
			i -= len(m.Topics)
		}
		return nil, false
	}, app.MQTT)
}

// mqttNumber reads a comparison that one of the messages must meet: test hands its numbers to is.
func mqttNumber(name string, points []Point, names func(string) (uint64, bool), test func(m *mqtt.Message, is func(uint64) bool) bool) func(*builder, string) error {
	return func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, 8)
		if names != nil {
			n, err = language.ParseNumberOrName(arg, 8, names)
		}
		if err != nil {
			return err
		}
		return b.testTx(name, points, mqttAny(func(m *mqtt.Message) bool { return test(m, n.Match) }))
	}
}

// mqttAny tells whether one of the transaction's messages passes a test.
func mqttAny(test func(*mqtt.Message) bool) func(*view) bool {
	return func(v *view) bool {
		t, ok := v.Tx.Data.(*mqtt.Transaction)
		if !ok {
			return false
		}
		for i := range t.Messages {
			if test(&t.Messages[i]) {
				return true
			}
		}
		return false
	}
}

func mqttType(name string) (uint64, bool) {
	t, ok := mqtt.TypeByName(name)
	return uint64(t), ok
}

// mqttReason looks at the reason code, and at the list of codes that a SUBACK or UNSUBACK has.
func mqttReason(m *mqtt.Message, is func(uint64) bool) bool {
	if m.HasReason && is(uint64(m.Reason)) {
		return true
	}
	for _, c := range m.Codes {
		if is(uint64(c)) {
			return true
		}
	}
	return false
}

func mqttQoS(b *builder, arg string) error {
	n, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 8)
	if err != nil || n > 2 {
		return fmt.Errorf("mqtt.qos: %q is not 0, 1 or 2", arg)
	}
	return b.testTx("mqtt.qos", when(app.ToServer, 0, app.MQTT), mqttAny(func(m *mqtt.Message) bool { return uint64(m.QoS) == n }))
}

func mqttSession(b *builder, arg string) error {
	var want bool
	switch strings.ToLower(strings.TrimSpace(arg)) {
	case "yes", "true", "on", "1":
		want = true
	case "no", "false", "off", "0":
	default:
		return fmt.Errorf("mqtt.connack.session_present: %q is neither yes nor no", arg)
	}
	return b.testTx("mqtt.connack.session_present", when(app.ToClient, 0, app.MQTT), mqttAny(func(m *mqtt.Message) bool {
		return m.Type == mqtt.ConnAck && m.SessionPresent == want
	}))
}

// flagName is a bit that a rule can name.
type flagName struct {
	name string
	bit  uint64
}

var errFlags = errors.New("flags are neither a number nor a list of names")

// parseFlagNames reads a comparison, or a list of flags that must, or behind "!" must not, be set: "retain,!dup".
func parseFlagNames(arg string, bits int, known []flagName) (language.Number, error) {
	if n, err := language.ParseNumber(arg, bits); err == nil {
		return n, nil
	}
	n := language.Number{Op: language.Mask}
	for _, word := range strings.FieldsFunc(arg, func(r rune) bool { return r == ' ' || r == ',' }) {
		word, negated := strings.CutPrefix(word, "!")
		found := false
		for _, k := range known {
			if k.name != word {
				continue
			}
			if found = true; n.A&k.bit != 0 {
				return n, fmt.Errorf("flag %s comes twice", word)
			}
			n.A |= k.bit
			if !negated {
				n.B |= k.bit
			}
		}
		if !found {
			return n, fmt.Errorf("%w: %q", errFlags, word)
		}
	}
	if n.A == 0 {
		return n, errFlags
	}
	return n, nil
}

func mqttFlags(name string, known []flagName, get func(*mqtt.Message) (uint64, bool)) func(*builder, string) error {
	return func(b *builder, arg string) error {
		n, err := parseFlagNames(arg, 8, known)
		if err != nil {
			return err
		}
		return b.testTx(name, when(app.ToServer, 0, app.MQTT), mqttAny(func(m *mqtt.Message) bool {
			have, ok := get(m)
			return ok && n.Match(have)
		}))
	}
}
