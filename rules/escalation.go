package rules

import (
	"math"
	"math/rand/v2"
)

// Forever is the length of a ban that does not end.
const Forever = -1

// Escalation makes the bans of those who come again longer.
type Escalation struct {
	On          bool
	Factor      float64   // 0 counts as 1
	Multipliers []float64 // by how many bans went before; the last one stays. Without any: doubled each time, 20 times at most
	MaxSeconds  float64   // 0 for no limit
	Jitter      float64   // at most so many seconds are added, so that nobody can compute the end
}

// Seconds returns how long the next ban lasts, for one whose base length is base and who was banned so often before.
// It is never shorter than base, except for the limit.
func (e *Escalation) Seconds(base float64, before int) float64 {
	if !e.On || base < 0 {
		return base
	}
	factor := e.Factor
	if factor == 0 {
		factor = 1
	}
	before = max(before, 0)
	length := base * math.Ldexp(1, min(before, 20)) * factor
	if n := len(e.Multipliers); n > 0 {
		length = base * e.Multipliers[min(before, n-1)] * factor
	}
	length = max(length, base)
	if e.MaxSeconds > 0 {
		length = min(length, e.MaxSeconds)
	}
	if e.Jitter > 0 {
		length += rand.Float64() * e.Jitter
	}
	return length
}

// Weight returns for how many failures one counts whose sender was banned so often before: known offenders get fewer
// chances, at most as many fewer as there are.
func (e *Escalation) Weight(before, maxRetry int) int {
	if !e.On || before <= 0 {
		return 1
	}
	return max(1, min(1<<min(before, 30)/2+1, maxRetry))
}
