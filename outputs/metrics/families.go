package metrics

import "picket/outputs/web"

// families are all metrics, in the order in which they are written.
var families = []family{
	{"picket_info", gauge, "always 1; which picket this is, and whether it may act", func(s *web.Status) []sample {
		return []sample{{1, []string{"version", s.Version, "mode", s.Mode}}}
	}},
	{"picket_start_time_seconds", gauge, "when it was started, in Unix time", one(func(s *web.Status) int64 { return s.Since.Unix() })},

	{"picket_rules_loaded", gauge, "rules for packets in force", one(func(s *web.Status) int { return s.Rules.Loaded })},
	{"picket_rules_refused", gauge, "rules that could not be loaded", one(func(s *web.Status) int { return s.Rules.Faults })},
	{"picket_rules_load_time_seconds", gauge, "when they were loaded, in Unix time", one(func(s *web.Status) int64 { return s.Rules.Since.Unix() })},

	{"picket_packets_total", counter, "packets that came in", ofSource(func(p *web.Source) uint64 { return p.Packets })},
	{"picket_packet_bytes_total", counter, "their bytes", ofSource(func(p *web.Source) uint64 { return p.Bytes })},
	{"picket_kernel_drops_total", counter, "packets that the kernel dropped because picket was too slow", ofSource(func(p *web.Source) uint64 { return p.Dropped })},
	{"picket_refused_verdicts_total", counter, "verdicts that the kernel did not take", ofSource(func(p *web.Source) uint64 { return p.Refused })},
	{"picket_restarts_total", counter, "times that a hung source was opened anew", ofSource(func(p *web.Source) uint64 { return p.Restarted })},
	{"picket_uninspected_packets_total", counter, "packets that passed the queue without being judged", one(func(s *web.Status) uint64 { return s.Unseen })},
	{"picket_flows_total", counter, "conversations", one(func(s *web.Status) uint64 { return s.Flows })},
	{"picket_alerts_total", counter, "alerts", one(func(s *web.Status) uint64 { return s.Alerts })},
	{"picket_drops_total", counter, "packets dropped by a verdict", one(func(s *web.Status) uint64 { return s.Drops })},

	{"picket_walk_total", counter, "what the packet walk counted, by the names of EVE's stats record", words("counter", func(s *web.Status) map[string]uint64 {
		return walk(s, false)
	})},
	{"picket_walk", gauge, "what the packet walk holds now", words("counter", func(s *web.Status) map[string]uint64 {
		return walk(s, true)
	})},

	{"picket_eve_records_total", counter, "records written to eve.json", ofEVE(func(e *web.EVE) uint64 { return e.Written })},
	{"picket_eve_dropped_total", counter, "records that were not", ofEVE(func(e *web.EVE) uint64 { return e.Dropped })},

	{"picket_jail_failures_total", counter, "failures found in logs", ofJail(func(j *web.Jail) uint64 { return j.Failures })},
	{"picket_jail_breaches_total", counter, "bans asked for", ofJail(func(j *web.Jail) uint64 { return j.Breaches })},
	{"picket_jail_evicted_total", counter, "parties forgotten because there were too many", ofJail(func(j *web.Jail) uint64 { return j.Evicted })},
	{"picket_jail_failing", gauge, "parties with failures within the window", ofJail(func(j *web.Jail) uint64 { return j.Failing })},

	{"picket_syslog_total", counter, "what the receiver of syslog messages counted", words("counter", func(s *web.Status) map[string]uint64 { return s.Syslog })},

	{"picket_bans", gauge, "bans that stand", one(func(s *web.Status) int { return s.Bans.Standing })},
	{"picket_ban_events_total", counter, "what has become of bans; repaired: put back after somebody else had taken them out", words("event", banEvents)},

	{"picket_incidents", gauge, "incidents by state", words("state", incidentStates)},
	{"picket_incident_events_total", counter, "incidents opened, reopened, resolved", words("event", incidentEvents)},
	{"picket_findings_total", counter, "findings; own: caused by our own blocks, lost: too many at once", words("kind", findings)},
	{"picket_store_bytes", gauge, "size of the incident database", one(func(s *web.Status) int64 { return ofIncidents(s).Store.Bytes })},
	{"picket_store_waiting", gauge, "records that it does not hold yet", one(func(s *web.Status) int { return ofIncidents(s).Store.Waiting })},
	{"picket_store_lost_total", counter, "lines and pieces of evidence lost", one(func(s *web.Status) uint64 { return ofIncidents(s).Store.Lost })},

	{"picket_measures", gauge, "measures waiting, running, standing", words("state", func(s *web.Status) map[string]int {
		return map[string]int{"waiting": s.Measures.Waiting, "running": s.Measures.Running, "standing": s.Measures.Standing}
	})},
	{"picket_measure_steps_total", counter, "measures that came to a state", words("state", measureSteps)},
	{"picket_measures_refused_total", counter, "measures refused because too many wait", one(func(s *web.Status) uint64 { return s.Measures.Refused })},
	{"picket_notifications_delivered_total", counter, "messages that receivers have taken", one(func(s *web.Status) uint64 { return s.Messages.Delivered })},
	{"picket_notifications_failed_total", counter, "tries to deliver a message that have failed", one(func(s *web.Status) uint64 { return s.Messages.Failed })},
	{"picket_notifications_given_up_total", counter, "messages that were not delivered and are not tried again", one(func(s *web.Status) uint64 { return s.Messages.GivenUp })},
	{"picket_deviations_total", counter, "standing measures whose effect was found gone", one(func(s *web.Status) uint64 { return s.Measures.Deviations })},
}

func ofSource(value func(*web.Source) uint64) func(*web.Status) []sample {
	return each(func(s *web.Status) []web.Source { return s.Sources }, "source", func(p *web.Source) string { return p.Name }, value)
}

func ofJail(value func(*web.Jail) uint64) func(*web.Status) []sample {
	return each(func(s *web.Status) []web.Jail { return s.Jails }, "jail", func(j *web.Jail) string { return j.Name }, value)
}

func ofEVE(value func(*web.EVE) uint64) func(*web.Status) []sample {
	return func(s *web.Status) []sample {
		if s.EVE == nil {
			return nil
		}
		return []sample{{value: float64(value(s.EVE))}}
	}
}

// ofIncidents are the counters of incidents; all are 0 where there is no casebook.
func ofIncidents(s *web.Status) *web.Incidents {
	if s.Incidents == nil {
		return &web.Incidents{}
	}
	return s.Incidents
}

// held are the counters of the walk that tell how things stand now; all others only grow.
var held = map[string]bool{
	"flow.active": true, "tcp.reassembly_memuse": true, "decoder.max_pkt_size": true,
}

// walk are the counters of the packet walk: those held, or those that grow.
func walk(s *web.Status, now bool) map[string]uint64 {
	out := map[string]uint64{}
	for name, n := range s.Counters {
		if held[name] == now {
			out[name] = n
		}
	}
	return out
}

func banEvents(s *web.Status) map[string]uint64 {
	b := &s.Bans
	return map[string]uint64{
		"made": b.Banned, "renewed": b.Renewed, "lifted": b.Lifted, "expired": b.Expired, "refused": b.Refused, "observed": b.Observed,
		"failed": b.Failed, "repaired": b.Repaired,
	}
}

func incidentStates(s *web.Status) map[string]int {
	i := ofIncidents(s)
	return map[string]int{"open": i.Open, "acknowledged": i.Acknowledged}
}

func incidentEvents(s *web.Status) map[string]uint64 {
	i := ofIncidents(s)
	return map[string]uint64{"opened": i.Opened, "reopened": i.Reopened, "resolved": i.Resolved}
}

func findings(s *web.Status) map[string]uint64 {
	i := ofIncidents(s)
	return map[string]uint64{"all": i.Findings, "own": i.Own, "ignored": i.Ignored, "lost": i.Dropped, "through": i.Through}
}

func measureSteps(s *web.Status) map[string]uint64 {
	steps := map[string]uint64{}
	for state, n := range s.Measures.Moved {
		steps[string(state)] = n
	}
	return steps
}
