package fail2ban

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"picket/outputs/fail2ban/pickle"
)

// tableRow is a jail: its name and backend, current and total failures, current and total bans.
type tableRow [6]string

// leastWidths are the widths of the columns of an empty table.
var leastWidths = [6]int{8, 8, 3, 3, 3, 3}

// shownTable shows the counts of all jails: two columns of text, and two pairs of numbers, each pair under one title.
func shownTable(_ []string, answer any) string {
	jails, _ := answer.(pickle.Dict)
	var rows []tableRow
	wide := leastWidths
	for _, p := range jails {
		row := rowOf(p)
		for i, text := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(text))
		}
		rows = append(rows, row)
	}
	filter, actions := wide[2]+wide[3]+5, wide[4]+wide[5]+5
	lines := []string{
		fmt.Sprintf(" %*s ║ %*s ║ %-*s║ %-*s", wide[0], "", wide[1], "", filter-1, "Filter", actions-2, "Actions"),
		fmt.Sprintf(" %-*s ║ %-*s ╟%s╫%s", wide[0], "Jail", wide[1], "Backend", strings.Repeat("─", filter), strings.Repeat("─", actions)),
		tableRow{"", "", "cur", "tot", "cur", "tot"}.shown(wide),
		tableRule("╬", wide[0]+2, wide[1]+2, filter, actions),
	}
	for _, r := range rows {
		lines = append(lines, r.shown(wide))
	}
	return strings.Join(append(lines, tableRule("╩", wide[0]+2, wide[1]+2, filter, actions)), "\n")
}

func (r tableRow) shown(wide [6]int) string {
	return fmt.Sprintf(" %-*s ║ %-*s ║ %*s │ %*s ║ %*s │ %*s",
		wide[0], r[0], wide[1], r[1], wide[2], r[2], wide[3], r[3], wide[4], r[4], wide[5], r[5])
}

func tableRule(cross string, widths ...int) string {
	var parts []string
	for _, w := range widths {
		parts = append(parts, strings.Repeat("═", w))
	}
	return strings.Join(parts, cross)
}

// rowOf takes (backend, (current, total), (current, total)) apart.
func rowOf(p pickle.Pair) (row tableRow) {
	row[0] = pickle.Text(p.Key)
	parts := items(p.Value)
	if len(parts) != 3 {
		return row
	}
	row[1] = pickle.Text(parts[0])
	for i, part := range parts[1:] {
		for k, n := range items(part) {
			if k < 2 {
				row[2+2*i+k] = pickle.Text(n)
			}
		}
	}
	return row
}
