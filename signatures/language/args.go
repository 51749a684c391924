package language

import "strings"

// SplitArgs cuts a value at commas outside of double quotes and trims blanks: `a, b "c,d"` gives `a` and
// `b "c,d"`. Quotes and escapes still stand; a backslash protects the next byte. An empty value gives no
// arguments, an empty argument stays.
func SplitArgs(value string) []string {
	if trim(value) == "" {
		return nil
	}
	args := make([]string, 0, strings.Count(value, ",")+1)
	start, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				args = append(args, trim(value[start:i]))
				start = i + 1
			}
		}
	}
	return append(args, trim(value[start:]))
}

// SplitWord cuts an argument at its first blank: `offset 4` gives "offset" and "4".
func SplitWord(arg string) (word, rest string) {
	arg = trim(arg)
	if i := strings.IndexAny(arg, blanks); i >= 0 {
		return arg[:i], trim(arg[i:])
	}
	return arg, ""
}
