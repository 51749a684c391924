package dnp3

// kind is how a field of a point is written.
type kind uint8

const (
	bits     kind = iota // part of a byte, width bits, the lowest first
	unsigned             // width bytes
	signed
	float
	length // a number: the size of the text that follows
	texts  // as long as the length before it said
	rest   // all that is left of the point
)

// spec is one field of a point.
type spec struct {
	name  string
	kind  kind
	width int
}

// packed returns the bits of a point of those objects whose points share bytes; 0 for all others.
func packed(group, variation byte) int {
	switch [2]byte{group, variation} {
	case [2]byte{1, 1}, [2]byte{10, 1}, [2]byte{12, 3}, [2]byte{80, 1}:
		return 1
	case [2]byte{3, 1}:
		return 2
	}
	return 0
}

func flag(name string, width int) spec { return spec{name, bits, width} }
func u(name string, size int) spec     { return spec{name, unsigned, size} }
func i(name string, size int) spec     { return spec{name, signed, size} }
func f(name string, size int) spec     { return spec{name, float, size} }

// stamp is a time in milliseconds since 1970.
func stamp() spec { return u("timestamp", 6) }

// quality is the flag byte of most points: five flags that all have, then the names given.
func quality(names ...spec) []spec {
	return append([]spec{flag("online", 1), flag("restart", 1), flag("comm_lost", 1), flag("remote_forced", 1),
		flag("local_forced", 1)}, names...)
}

func binaryFlags() []spec {
	return quality(flag("chatter_filter", 1), flag("reserved", 1), flag("state", 1))
}
func doubleFlags() []spec { return quality(flag("chatter_filter", 1), flag("state", 2)) }
func outputFlags() []spec {
	return quality(flag("reserved0", 1), flag("reserved1", 1), flag("state", 1))
}
func analogFlags() []spec {
	return quality(flag("over_range", 1), flag("reference_err", 1), flag("reserved0", 1))
}
func counterFlags(third string) []spec {
	if third == "" {
		return quality(flag("rollover", 1), flag("reserved0", 1), flag("reserved1", 1))
	}
	return quality(flag("rollover", 1), flag("discontinuity", 1), flag(third, 1))
}

// layout returns the fields of an object's points (IEEE 1815, annex A); nil for objects that are not known.
func layout(group, variation byte) []spec {
	switch group {
	case 1, 2, 3, 4, 10, 11, 12, 13:
		return binaries(group, variation)
	case 20, 21, 22, 23:
		return counters(group, variation)
	case 30, 31, 32, 33, 40, 42:
		return analogs(group, variation)
	case 34:
		return pick(variation, []spec{u("deadband_value", 2)}, []spec{u("deadband_value", 4)}, []spec{f("deadband_value", 4)})
	case 41:
		status := u("control_status", 1)
		return pick(variation, []spec{i("value", 4), status}, []spec{i("value", 2), status}, []spec{f("value", 4), status}, []spec{f("value", 8), status})
	case 43:
		return analogCommands(variation)
	case 50:
		return pick(variation, []spec{stamp()}, []spec{stamp(), u("interval", 4)}, []spec{stamp()},
			[]spec{stamp(), u("interval_count", 4), u("interval_units", 1)})
	case 51:
		return pick(variation, []spec{stamp()}, []spec{stamp()})
	case 52:
		return pick(variation, []spec{u("delay_secs", 2)}, []spec{u("delay_ms", 2)})
	case 70:
		return files(variation)
	case 80:
		return pick(variation, []spec{flag("state", 1)})
	case 81:
		return pick(variation, []spec{u("fill_percentage", 1), u("group", 1), u("variation", 1)})
	case 101:
		return pick(variation, []spec{u("value", 2)}, []spec{u("value", 4)}, []spec{u("value", 8)})
	case 102:
		return pick(variation, []spec{u("value", 1)})
	}
	return nil
}

// pick returns the layout of a variation, counted from 1; nil when there are not as many.
func pick(variation byte, all ...[]spec) []spec {
	if variation == 0 || int(variation) > len(all) {
		return nil
	}
	return all[variation-1]
}

// binaries are binary inputs and outputs, their events and commands.
func binaries(group, variation byte) []spec {
	state := []spec{flag("state", 1)}
	switch group {
	case 1:
		return pick(variation, state, binaryFlags())
	case 2:
		return pick(variation, []spec{u("state", 1)}, append(binaryFlags(), stamp()), append(binaryFlags(), u("timestamp", 2)))
	case 3:
		return pick(variation, []spec{flag("state", 2)}, doubleFlags())
	case 4:
		return pick(variation, doubleFlags(), append(doubleFlags(), stamp()), append(doubleFlags(), u("relative_time_ms", 2)))
	case 10:
		return pick(variation, state, outputFlags())
	case 11:
		return pick(variation, outputFlags(), append(outputFlags(), stamp()))
	case 12:
		command := []spec{flag("op_type", 4), flag("qu", 1), flag("cr", 1), flag("tcc", 2), u("count", 1), u("ontime", 4),
			u("offtime", 4), flag("status_code", 7), flag("reserved", 1)}
		return pick(variation, command, command, []spec{flag("point", 1)})
	}
	status := []spec{flag("status_code", 7), flag("commanded_state", 1)}
	return pick(variation, status, append(status[:2:2], stamp()))
}

// counters are counters, frozen ones, and the events of both: by variation two and two of 32 and 16 bits.
func counters(group, variation byte) []spec {
	size := 4
	if variation%2 == 0 {
		size = 2
	}
	count := u("count", size)
	switch {
	case variation == 0 || variation > 8 && group != 21 || variation > 12:
		return nil
	case variation <= 2:
		return append(counterFlags("reserved0"), count)
	case variation <= 4:
		return append(counterFlags(""), count)
	case group == 20 || variation > 8:
		return []spec{count}
	case group == 21 && variation >= 7:
		return append(counterFlags(""), count, stamp())
	case group == 21:
		return append(counterFlags("reserved1"), count, stamp())
	case variation <= 6:
		return append(counterFlags("reserved0"), count, stamp())
	}
	return append(counterFlags(""), count, stamp())
}

// analogs are analog inputs and outputs, frozen ones, and their events.
func analogs(group, variation byte) []spec {
	with := func(fields ...spec) []spec { return append(analogFlags(), fields...) }
	long, short, single, double := i("value", 4), i("value", 2), f("value", 4), f("value", 8)
	switch group {
	case 30:
		return pick(variation, with(long), with(short), []spec{long}, []spec{short}, with(single), with(double))
	case 31:
		return pick(variation, with(long), with(short), with(long, stamp()), with(short, stamp()), []spec{long}, []spec{short},
			with(single), with(double))
	case 40:
		return pick(variation, with(long), with(short), with(single), with(double))
	}
	return pick(variation, with(long), with(short), with(long, stamp()), with(short, stamp()), with(single), with(double),
		with(single, stamp()), with(double, stamp()))
}

// analogCommands are the events of analog output commands.
func analogCommands(variation byte) []spec {
	with := func(fields ...spec) []spec {
		return append([]spec{flag("status_code", 7), flag("reserved0", 1)}, fields...)
	}
	long, short, single, double := i("commanded_value", 4), i("commanded_value", 2), f("commanded_value", 4), f("commanded_value", 8)
	return pick(variation, with(long), with(short), with(long, stamp()), with(short, stamp()), with(single), with(double),
		with(single, stamp()), with(double, stamp()))
}

// files are the objects of file transfer. Variation 1 is obsolete and variation 2 holds two texts: both are taken whole.
func files(variation byte) []spec {
	size := spec{"filename_size", length, 2}
	name := spec{"filename", texts, 0}
	return pick(variation,
		[]spec{{"data", rest, 0}},
		[]spec{{"data", rest, 0}},
		[]spec{u("filename_offset", 2), size, u("created", 6), u("permissions", 2), u("authentication_key", 4),
			u("file_size", 4), u("operational_mode", 2), u("maximum_block_size", 2), u("request_id", 2), name},
		[]spec{u("file_handle", 4), u("file_size", 4), u("maximum_block_size", 2), u("request_id", 2), u("status_code", 1),
			{"optional_text", rest, 0}},
		[]spec{u("file_handle", 4), u("block_number", 4), {"file_data", rest, 0}},
		[]spec{u("file_handle", 4), u("block_number", 4), u("status_code", 1), {"optional_text", rest, 0}},
		[]spec{u("filename_offset", 2), size, u("file_type", 2), u("file_size", 4), u("created", 6), u("permissions", 2),
			u("request_id", 2), name},
		[]spec{{"file_specification", rest, 0}})
}
