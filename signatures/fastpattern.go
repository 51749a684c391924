package signatures

import "fmt"

// fastPattern is the literal whose occurrence makes a rule worth a look.
type fastPattern struct {
	content *content // nil: there is none, the rule is tried always
	buffer  *Buffer  // nil: payload
	xform   pipeline
}

// literal returns the bytes to be searched.
func (f *fastPattern) literal() []byte {
	c := f.content
	if c.chop {
		return c.bytes[c.chopStart : c.chopStart+c.chopLen]
	}
	return c.bytes
}

// chooseFast takes the content that the rule marks, else the longest and most varied one that is not negated,
// application buffers first (Suricata's RetrieveFPForSig).
func (b *builder) chooseFast() error {
	var best fastPattern
	marked, score := false, -1
	for _, l := range b.lists {
		if l.base64 || l.buffer != nil && l.buffer.Packet != nil {
			if fastMarked(l) && l.base64 {
				return fmt.Errorf("fast_pattern can't be used in base64_data")
			}
			continue
		}
		for _, p := range l.items {
			c := p.content
			if c == nil {
				continue
			}
			if c.fast {
				if marked {
					return fmt.Errorf("fast_pattern is given twice")
				}
				marked = true
				if limited := c.relative() || c.depth.set || c.offset.set; limited && (c.negated || c.fastOnly) {
					return fmt.Errorf("fast_pattern of a negated content, and fast_pattern:only, go with no depth, offset, distance or within")
				}
				if !c.negated && l.absent == mustBeThere {
					best, score = fastPattern{c, l.buffer, l.xform}, 1<<30
				}
			}
			if c.negated || l.absent != mustBeThere || l.buffer != nil && l.buffer.NoFastPattern {
				continue
			}
			if s := strength(c, l.buffer != nil); s > score {
				best, score = fastPattern{c, l.buffer, l.xform}, s
			}
		}
	}
	b.fast = best
	return nil
}

func fastMarked(l *list) bool {
	for _, p := range l.items {
		if p.content != nil && p.content.fast {
			return true
		}
	}
	return false
}

// strength rates a content as a fast pattern: its length, then how varied its bytes are (Suricata's PatternStrength).
func strength(c *content, app bool) int {
	varied := 0
	var seen [256]bool
	for _, x := range c.bytes {
		switch {
		case seen[x]:
			varied++
		case x|0x20 >= 'a' && x|0x20 <= 'z':
			varied += 3
		case x >= 0x20 && x < 0x7f:
			varied += 4
		case x == 0 || x == 1 || x == 0xff:
			varied++
		default:
			varied += 6
		}
		seen[x] = true
	}
	s := min(len(c.bytes), 1<<8)<<12 + min(varied, 1<<12-1)
	if app {
		s += 1 << 24
	}
	return s
}
