// Package dates finds and reads the date of a log line.
//
// In goes a line; out comes where its date stands and which instant it means. A Detector is one judge's: it remembers
// which template won last and how often, as fail2ban's does, because the same line may hold several dates and the order of
// templates decides between them. Templates are immutable and shared.
//
//	pattern   {^LN-BEG}%b %d %k:%M:%S and its like, to a regular expression     pattern.go, fields.go
//	template  one pattern, Unix seconds or TAI64N                              template.go, defaults.go
//	fast      the commonest forms without a regular expression                  fast.go
//	detector  which template reads this line                                    detector.go, order.go
//	read      fields to an instant: missing years, days and zones               read.go, zone.go
//
// The law is jail.conf(5), "datepattern", and fail2ban's own cases.
package dates
