package fhirpath

import "time"

// Interval is the closed interval, in microseconds since 1970 UTC, that a date, dateTime or
// instant covers: 2024-02 is all of February. A time without a zone is taken as UTC. A leap
// second counts as the second before it, fractions beyond the microsecond are cut off.
func Interval(s string) (low, high int64, ok bool) {
	year, ok := digits(s, 0, 4)
	if !ok || year == 0 {
		return 0, 0, false
	}
	switch {
	case len(s) == 4:
		return between(date(year, 1, 1), date(year+1, 1, 1))
	case len(s) == 7:
		month, ok := field(s, 4, '-', 1, 12)
		if !ok {
			return 0, 0, false
		}
		return between(date(year, month, 1), date(year, month+1, 1))
	}
	month, okMonth := field(s, 4, '-', 1, 12)
	day, okDay := field(s, 7, '-', 1, 31)
	begin := date(year, month, day)
	if !okMonth || !okDay || begin.Day() != day {
		return 0, 0, false
	}
	if len(s) == 10 {
		return between(begin, begin.AddDate(0, 0, 1))
	}
	if s[10] != 'T' {
		return 0, 0, false
	}
	return timeOfDay(s[11:], begin)
}

func date(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func between(begin, end time.Time) (low, high int64, ok bool) {
	return begin.UnixMicro(), end.UnixMicro() - 1, true
}

// timeOfDay reads hh:mm[:ss[.f]][zone] on the day that begins at day.
func timeOfDay(s string, day time.Time) (low, high int64, ok bool) {
	hour, okHour := bounded(s, 0, 0, 23)
	minute, okMinute := field(s, 2, ':', 0, 59)
	if !okHour || !okMinute {
		return 0, 0, false
	}
	low = day.UnixMicro() + int64(hour*60+minute)*60e6
	precision, rest := int64(60e6), s[5:]
	if len(rest) > 0 && rest[0] == ':' {
		second, ok := bounded(rest, 1, 0, 60)
		if !ok {
			return 0, 0, false
		}
		low += int64(min(second, 59)) * 1e6
		var fraction int64
		if fraction, precision, rest, ok = fractionOf(rest[3:]); !ok {
			return 0, 0, false
		}
		low += fraction
	}
	offset, ok := zone(rest)
	low -= offset
	return low, low + precision - 1, ok
}

// fractionOf reads the fraction of a second and says how long its last digit is.
func fractionOf(s string) (micros, precision int64, rest string, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, 1e6, s, true
	}
	precision = 1e6
	i := 1
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if precision > 1 {
			precision /= 10
			micros += int64(s[i]-'0') * precision
		}
	}
	return micros, precision, s[i:], i > 1
}

// zone reads Z or ±hh:mm, in microseconds east of UTC.
func zone(s string) (offset int64, ok bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, okHour := bounded(s, 1, 0, 14)
	minute, okMinute := field(s, 3, ':', 0, 59)
	offset = int64(hour*60+minute) * 60e6
	if s[0] == '-' {
		offset = -offset
	}
	return offset, okHour && okMinute
}

// field reads two digits after a separator at i.
func field(s string, i int, separator byte, least, most int) (int, bool) {
	if len(s) <= i || s[i] != separator {
		return 0, false
	}
	return bounded(s, i+1, least, most)
}

func bounded(s string, i, least, most int) (int, bool) {
	n, ok := digits(s, i, 2)
	return n, ok && least <= n && n <= most
}

func digits(s string, i, count int) (n int, ok bool) {
	if len(s) < i+count {
		return 0, false
	}
	for _, c := range []byte(s[i : i+count]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
