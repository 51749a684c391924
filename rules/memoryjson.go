package rules

import (
	"encoding/json"
	"strconv"
)

// AppendJSON appends what json.Marshal writes, but for the order of fields: a busy judge writes one Memory for each party
// in each batch of lines.
func (m *Memory) AppendJSON(to []byte) []byte {
	to = appendJSONText(append(to, `{"jail":`...), m.Jail)
	to = appendJSONText(append(to, `,"id":`...), m.ID)
	for _, n := range [...]struct {
		name  string
		value int64
	}{
		{`,"count":`, int64(m.Count)}, {`,"failures":`, int64(m.Failures)}, {`,"first":`, m.First}, {`,"last":`, m.Last},
		{`,"bans":`, int64(m.Bans)}, {`,"banned":`, m.Banned}, {`,"breached":`, m.Breached},
	} {
		if n.value != 0 {
			to = strconv.AppendInt(append(to, n.name...), n.value, 10)
		}
	}
	if m.Seconds != 0 {
		to = strconv.AppendFloat(append(to, `,"seconds":`...), m.Seconds, 'g', -1, 64)
	}
	if m.Member.IsValid() {
		to = append(m.Member.AppendTo(append(to, `,"member":"`...)), '"')
	}
	return append(m.appendTexts(to), '}')
}

// appendTexts appends the evidence.
func (m *Memory) appendTexts(to []byte) []byte {
	separator := `,"matches":[`
	for _, line := range m.Matches {
		to = appendJSONText(append(to, separator...), line)
		separator = ","
	}
	if len(m.Matches) > 0 {
		to = append(to, ']')
	}
	separator = `,"fields":{`
	for name, text := range m.Fields {
		to = append(appendJSONText(append(to, separator...), name), ':')
		to = appendJSONText(to, text)
		separator = ","
	}
	if len(m.Fields) > 0 {
		to = append(to, '}')
	}
	return to
}

// appendJSONText appends a text in quotes.
func appendJSONText(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			if err != nil { // impossible: any string has a form
				quoted = []byte(`""`)
			}
			return append(to, quoted...)
		}
	}
	return append(append(append(to, '"'), text...), '"')
}
