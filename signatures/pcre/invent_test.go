//go:build pcre2test

package pcre

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// usual bytes of subjects.
const usual = " \r\nabcXYZ019/.=&%_-\"<>"

// inventor writes subjects that a tree should match.
type inventor struct {
	r      *rand.Rand
	groups map[int][]byte
	left   int // bytes
}

func (v *inventor) write(n *node, out []byte) []byte {
	if v.left--; v.left < 0 {
		return out
	}
	switch n.kind {
	case kLiteral:
		for _, c := range n.text {
			if n.fold && isLetter(c) && v.r.IntN(2) == 0 {
				c ^= 0x20
			}
			out = append(out, c)
		}
	case kSet:
		if n.set.len() > 0 {
			c := byte(v.r.IntN(256))
			if v.r.IntN(3) > 0 {
				c = usual[v.r.IntN(len(usual))]
			}
			for !n.set.has(c) {
				c++
			}
			out = append(out, c)
		}
	case kSequence:
		for _, s := range n.subs {
			out = v.write(s, out)
		}
	case kAlternation:
		out = v.write(n.subs[v.r.IntN(len(n.subs))], out)
	case kConditional:
		out = v.write(n.subs[1+v.r.IntN(2)], out)
	case kRepeat:
		for range n.min + v.r.IntN(min(n.max-n.min, 3)+1) {
			out = v.write(n.subs[0], out)
		}
	case kGroup:
		start := len(out)
		out = v.write(n.subs[0], out)
		v.groups[n.number] = append([]byte(nil), out[start:]...)
	case kAtomic:
		out = v.write(n.subs[0], out)
	case kLook:
		if !n.negative && v.r.IntN(2) == 0 {
			out = v.write(n.subs[0], out)
		}
	case kBackref:
		out = append(out, v.groups[n.number]...)
	}
	return out
}

// subject invents one for the tree, damages it now and then and puts it among other bytes.
func (v *inventor) subject(tree *node) []byte {
	v.groups, v.left = map[int][]byte{}, 3000
	s := v.write(tree, nil)
	for range v.r.IntN(4) {
		if len(s) == 0 {
			break
		}
		i := v.r.IntN(len(s))
		switch v.r.IntN(5) {
		case 0:
			s[i] = byte(v.r.IntN(256))
		case 1:
			s = append(s[:i], s[i+1:]...)
		case 2:
			s[i] ^= 0x20
		case 3:
			s = append(s, "\r\n \na"[v.r.IntN(5)])
		case 4:
			s = append(s, s[i:min(len(s), i+20)]...)
		}
	}
	if v.r.IntN(2) == 0 {
		const head = "GET /a/b.php?id=1&x=%20 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\n\r\n"
		i := v.r.IntN(len(head))
		s = []byte(head[:i] + string(s) + head[i:])
	}
	return s
}

func parseTree(t testing.TB, p rulePattern) *node {
	t.Helper()
	ps := parser{text: p.pattern, flags: p.flags}
	tree, err := ps.parse()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// strange patterns the rules don't use: each kind of construct and how they meet.
var strange = strings.Fields(`
	(?>a|ab)c (?:a|ab)c (a+|b+)*?c (a?)*b (?:a*)+b (a|b)*+b ((a)|b)*\2 (?=(a+))a*b\1 (?!(a)b)\1?a (?<=(a))b\1 (?<!ab|c)d
	(?:(a)|(b)|c)+\1 (a)?(?(1)b|c) (?(?=ab)a|b)+ (?(?<=a)b|a)+ (?(?!b)a|b)+ ^(?:a(?=b)|b(?=a))+$ a{2,4}?b (ab){1,3}?c (?:ab?){2,}+b
	a++b a?+a [ab]*+c (?s:.*?)c (?m)^a.*$ (?i)aB(?-i)c \bab\b|\Ba \Aa|b\z a\Z|^b$ (?U)a+b (?U)a+?b a\Kb+ (?:a\K)*b
	(?|(a)b|(b)a)\1 (\1a|b)+ (a\1?){3} ((a)(b)?)+\3 (?:a|(b))*?\1c (?:(?:a|b){2}){2,3} ((?:a|ab)(?:c|bcd)(?:d*)) [^a]{0,2}a .{2,3}?b
	(?:a??b??)*?c (a*?)(b*?)(c+?) (?=a)(?=.b)..c? (?>(a+)b|a)\1 (?>a*?)b (?>a??b)c (?:(?>a)b|ac)+ (?:(a)(?!b)|a)+ (?!a(?!b))a. (?:a(*F)|b)
	[\W\d]+ [^\S\n]+ \R{2} (?>\R)\n [[:^alpha:][:digit:]]+ [a-c\-x]+ [\]\[]+ \x61{2} \141b (?:|a)+b (?:a|)+b (?:)*a ()+a (a|b|)*?c (?:a{0}b)+ ((((a))))\4
	(?:(?=(b))|a)*\1 (?:a(?<=aa)|a)+ (?<=^|b)a (?<=\n)a|b (?<![a-b]{2})c
`)
