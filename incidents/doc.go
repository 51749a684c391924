// Package incidents turns findings into cases. A finding is an alert or a breach as a case sees it; findings that
// belong together, by attacker, victim, host, process or file, or as steps of one intrusion, become one incident
// with a timeline and evidence.
//
// The sensor makes findings and hands them to the casebook, which is one goroutine; the casebook tells what happened
// to a case as events, to the measures and the outputs. Nothing in here knows where an event goes.
package incidents
