package language

import (
	"fmt"
	"strings"
)

// maxNearest bounds the length of words that Nearest compares: no keyword is longer.
const maxNearest = 64

// Nearest returns the word of list that is most like word, or "" when none is near: at most a third of the
// letters wrong, missing, superfluous or exchanged with their neighbour. Case does not count.
func Nearest(word string, list []string) string {
	if word == "" || len(word) > maxNearest {
		return ""
	}
	word = strings.ToLower(word)
	best, limit := "", max(1, len(word)/3)+1
	for _, have := range list {
		if len(have) > maxNearest || abs(len(have)-len(word)) >= limit {
			continue
		}
		if d := editDistance(word, strings.ToLower(have)); d < limit {
			best, limit = have, d
		}
	}
	return best
}

// didYouMean is Nearest as a fault's remedy.
func didYouMean(word string, list []string) string {
	if near := Nearest(word, list); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// editDistance is the optimal string alignment distance of two words no longer than maxNearest.
func editDistance(a, b string) int {
	var rows [3][maxNearest + 1]int
	prev2, prev, row := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
