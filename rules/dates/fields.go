package dates

import (
	"fmt"
	"strings"
)

// zoneName is a zone written as a letter or an abbreviation of three to five.
const zoneName = `[A-Z](?:[A-Z]{2,4})?`

// fieldExpressions are the regular expressions behind %x and %Exx; the group's name is the field that it fills.
// Their order of alternatives decides what "1:02" means and must not be changed.
var fieldExpressions = map[string]string{
	"a":   `(?P<a>mon|tue|wed|thu|fri|sat|sun)`,
	"A":   `(?P<A>wednesday|thursday|saturday|tuesday|monday|friday|sunday)`,
	"b":   `(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`,
	"B":   `(?P<B>september|february|november|december|january|october|august|march|april|june|july|may)`,
	"d":   `(?P<d>[1-2]\d|[0 ]?[1-9]|3[0-1])`,
	"f":   `(?P<f>[0-9]{1,6})`,
	"H":   `(?P<H>[0-1]?\d|2[0-3])`,
	"I":   `(?P<I>1[0-2]|0[1-9]|[1-9])`,
	"j":   `(?P<j>36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])`,
	"k":   ` ?(?P<H>[0-2]?\d)`,
	"l":   ` ?(?P<I>1?\d)`,
	"m":   `(?P<m>0?[1-9]|1[0-2])`,
	"M":   `(?P<M>[0-5]?\d)`,
	"p":   `(?P<p>am|pm)`,
	"S":   `(?P<S>[0-5]?\d|6[0-1])`,
	"U":   `(?P<U>5[0-3]|[0-4]\d|\d)`,
	"w":   `(?P<w>[0-6])`,
	"W":   `(?P<W>5[0-3]|[0-4]\d|\d)`,
	"y":   `(?P<y>\d\d)`,
	"Y":   `(?P<Y>\d{4})`,
	"z":   `(?P<z>Z|UTC|GMT|[+-][01]\d(?::?\d{2})?)`,
	"Z":   `(?P<Z>Z|[A-Z]{3,5})`,
	"%":   `%`,
	"Exd": `(?P<d>[1-2]\d|0[1-9]|3[0-1])`,
	"Exm": `(?P<m>0[1-9]|1[0-2])`,
	"ExH": `(?P<H>[0-1]\d|2[0-3])`,
	"Exk": ` ?(?P<H>[0-1]?\d|2[0-3])`,
	"Exl": ` ?(?P<I>1[0-2]|\d)`,
	"ExM": `(?P<M>[0-5]\d)`,
	"ExS": `(?P<S>[0-5]\d|6[0-1])`,
	"Exy": `(?P<y>\d{2})`,
	"ExZ": `(?P<Z>` + zoneName + `)`,
	"Exz": `(?P<z>(?:` + zoneName + `)?[+-][01]\d(?::?\d{2})?|` + zoneName + `)`,
}

// exactYear returns what %ExY accepts: this century from 2000 to the decade of three years ahead, so that a number that
// happens to look like a year is not taken for one.
func exactYear(year int) string {
	last := max(year+3, 2000) / 10 % 10
	return fmt.Sprintf(`(?P<Y>20[%s]\d)`, "0123456789"[:last+1])
}

// expandFields replaces the %-fields of a pattern. words tells that it has one that is written in letters, so that case
// doesn't count.
func expandFields(pattern string, year int) (expr string, words bool, err error) {
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			out.WriteByte(pattern[i])
			continue
		}
		name := fieldName(pattern[i+1:])
		field, ok := fieldExpressions[name]
		switch {
		case name == "ExY":
			field = exactYear(year)
		case !ok:
			return "", false, fmt.Errorf("date pattern %q: unknown field at offset %d (write %%%% for a percent sign)", pattern, i)
		}
		words = words || len(name) == 1 && strings.Contains("aAbBp", name)
		out.WriteString(field)
		i += len(name)
	}
	return out.String(), words, nil
}

// fieldName returns the name of the field behind a percent sign.
func fieldName(rest string) string {
	n := 1
	if strings.HasPrefix(rest, "Ex") {
		n = 3
	}
	return rest[:min(n, len(rest))]
}
