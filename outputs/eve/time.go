package eve

// Time appends a moment, nanoseconds since 1970, as 2006-01-02T15:04:05.000000+0000.
func (j *JSON) Time(k string, ns int64) {
	j.key(k)
	b := append(j.buf, '"')
	sec, frac := floorDiv(ns, 1e9)
	days, rest := floorDiv(sec, 86400)
	y, m, d := civil(days)
	b = digits(b, y, 4)
	b = digits(append(b, '-'), m, 2)
	b = digits(append(b, '-'), d, 2)
	b = digits(append(b, 'T'), rest/3600, 2)
	b = digits(append(b, ':'), rest/60%60, 2)
	b = digits(append(b, ':'), rest%60, 2)
	b = digits(append(b, '.'), frac/1000, 6)
	j.buf = append(b, "+0000\""...)
}

// floorDiv divides with a remainder that is never negative.
func floorDiv(a, b int64) (q, r int64) {
	q, r = a/b, a%b
	if r < 0 {
		q, r = q-1, r+b
	}
	return q, r
}

// digits appends n with leading zeros.
func digits(b []byte, n int64, width int) []byte {
	var d [20]byte
	for i := width - 1; i >= 0; i-- {
		d[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, d[:width]...)
}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar. It counts in eras of 400 years whose
// years begin in March, so that the leap day is a year's last.
func civil(days int64) (y, m, d int64) {
	era, doe := floorDiv(days+719468, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	y = yoe + era*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}
