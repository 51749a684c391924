package rules

import (
	"math"
	"math/rand/v2"

	"picket/rules/formula"
)

// Forever is the length of a ban that does not end.
const Forever = -1

// Escalation makes the bans of those who come again longer.
type Escalation struct {
	On          bool
	Factor      float64   // 0 counts as 1
	Multipliers []float64 // by how many bans went before; the last one stays. Without any: doubled each time, 20 times at most
	MaxSeconds  float64   // 0 for no limit
	Formula     string    // fail2ban's bantime.formula in the place of doubling; it counts without multipliers only
	OverAll     bool      // bans by other jails count, too
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
	length := max(e.length(base, factor, max(before, 0)), base)
	if e.MaxSeconds > 0 {
		length = min(length, e.MaxSeconds)
	}
	if e.Jitter > 0 {
		length += rand.Float64() * e.Jitter
	}
	return length
}

// length is what multipliers, the formula or doubling say, whichever comes first. A formula that has no result for this
// ban is none.
func (e *Escalation) length(base, factor float64, before int) float64 {
	if n := len(e.Multipliers); n > 0 {
		return base * e.Multipliers[min(before, n-1)] * factor
	}
	if e.Formula != "" {
		if v, err := formula.Seconds(e.Formula, formula.Ban{Time: base, Count: before, Factor: factor}); err == nil {
			return v
		}
	}
	return base * math.Ldexp(1, min(before, 20)) * factor
}

// Table returns what a ban of the base length is multiplied by, by how many bans went before: nil for doubling. It says
// in picket's own rules what a formula says in fail2ban's.
func (e *Escalation) Table(base float64) []float64 {
	if len(e.Multipliers) > 0 || e.Formula == "" || base <= 0 {
		return e.Multipliers
	}
	factor := e.Factor
	if factor == 0 {
		factor = 1
	}
	table := make([]float64, 21) // as far as doubling goes
	for n := range table {
		table[n] = max(math.Round(1000*e.length(base, factor, n)/base/factor), 1) / 1000
	}
	return table
}

// Weight returns for how many failures one counts whose sender was banned so often before: known offenders get fewer
// chances, at most as many fewer as there are.
func (e *Escalation) Weight(before, maxRetry int) int {
	if !e.On || before <= 0 {
		return 1
	}
	return max(1, min(1<<min(before, 30)/2+1, maxRetry))
}
