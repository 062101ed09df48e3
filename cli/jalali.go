package cli

import (
	"fmt"
	"time"
)

// The solar Hijri calendar of Iran, by the rule that a cycle of 33 years has 8
// leap years. It agrees with the calendar's astronomical definition for every
// year from 1178 to 1633 (AD 1799 to 2254).

// jalaliEpoch is the day before 1 Farvardin of year 1 in days since 1970-01-01,
// fixed by 1 Farvardin 1404 = 21 March 2025.
var jalaliEpoch = func() int {
	nowruz := int(time.Date(2025, 3, 21, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	return nowruz - daysBeforeYear(1404) - 1
}()

// daysBeforeYear counts the days from year 1 to the end of year y-1.
func daysBeforeYear(y int) int { return 365*(y-1) + (8*y+21)/33 }

// jalali returns the date of t in its own time zone.
func jalali(t time.Time) (year, month, day int) {
	_, offset := t.Zone()
	seconds := t.Unix() + int64(offset)
	days := int(seconds / 86400)
	if seconds%86400 < 0 {
		days--
	}
	n := days - jalaliEpoch // 1 is 1 Farvardin of year 1
	year = n/366 + 1
	for daysBeforeYear(year+1) < n {
		year++
	}
	n -= daysBeforeYear(year) // 1 is 1 Farvardin of year
	if n <= 6*31 {
		return year, (n-1)/31 + 1, (n-1)%31 + 1
	}
	n -= 6 * 31
	return year, (n-1)/30 + 7, (n-1)%30 + 1
}

// moment writes a time for a person: Jalali in Persian, ISO 8601 in English.
func (a *app) moment(ms int64) string {
	t := time.UnixMilli(ms).In(a.zone)
	if a.lang != persian {
		return t.Format("2006-01-02 15:04:05")
	}
	y, m, d := jalali(t)
	return a.digits(fmt.Sprintf("%04d/%02d/%02d %s", y, m, d, t.Format("15:04:05")))
}
