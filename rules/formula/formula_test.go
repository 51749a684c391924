package formula

import (
	"math"
	"strings"
	"testing"
)

func TestSeconds(t *testing.T) {
	for text, want := range map[string]float64{
		"ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor":         600 * 8 * 2,
		"ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)": 600 * math.Exp(6),
		"ban.Time if ban.Count < 3 else 2 * ban.Time":                             1200,
		"1 if 0 else 2 if 0 else 3":                                               3,
		"-2 ** 2 + 7 // 2 + -7 % 3":                                               -4 + 3 + 2,
		"2 ** 3 ** 2":                                                             512,
		"1 + 2 << 3":                                                              24,
		"min(ban.Time, 60) + max(1, ban.Count) + 1e2 + .5":                        163.5,
		"0 and 5 or 7":                                                            7,
		"ban.Time * (2 if 1 < ban.Count <= 3 else 1)":                             1200,
		"(1 < 3 < 2) + (3 > 2 > 1 > 0) * 10 + (1 == 1 != 2) * 100":                110,
		"not 1 < 2 or not not 5":                                                  1,
		"ban.Time if not ban.Count else 7":                                        7,
		"min(5, 4, 3, 9) + max(1, 2, 3) + round(2.5) + abs(-1) + 6 & 3":           15 & 3,
		"math.ceil(1.2) + math.floor(1.8) + math.log(8, 2) + (5 | 2 ^ 1)":         13,
		"10 * math.e // math.e + -7 // 2 + 7 % -3":                                9 - 4 - 2, // the quotient is just below 10
		"60 + 0 * random.random()":                                                60,
	} {
		if got, err := Seconds(text, Ban{Time: 600, Count: 3, Factor: 2}); err != nil || math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{
		"", "1 +", "__import__('os')", "ban.IP", "1 2", "exec(1)", "(1", "1 if 2", "1/0", "1 < not 2", "10 ** 1000", "ban.Time | 10 ** 20", "0 & 10 ** 20 ^ 3", "min(1)", "min(1,,2)", "int()", "int(1 2)", "math.exp(1, 2)",
		strings.Repeat("(", 1000), strings.Repeat("-", 1000) + "1", strings.Repeat("1+", 600) + "1", "1 if 1 else " + strings.Repeat("1 if 1 else ", 80) + "1",
	} {
		if got, err := Seconds(text, Ban{Time: 600, Factor: 1}); err == nil {
			t.Errorf("%.40q is %v", text, got)
		}
	}
}

func FuzzSeconds(f *testing.F) {
	f.Add("ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor", 3)
	f.Add("max(1, -2 ** .5)", 0)
	f.Fuzz(func(t *testing.T, text string, count int) {
		if v, err := Seconds(text, Ban{Time: 600, Count: count, Factor: 1}); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			t.Errorf("%q is %v", text, v)
		}
	})
}
