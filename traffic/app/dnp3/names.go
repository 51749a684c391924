package dnp3

// Indication is one internal indication.
type Indication struct {
	Name string
	Bit  uint16
}

// Indications lists the internal indications, the first of the first byte last in the number.
func Indications() []Indication {
	return []Indication{
		{"device_restart", 0x8000}, {"device_trouble", 0x4000}, {"local_control", 0x2000}, {"need_time", 0x1000},
		{"class_3_events", 0x0800}, {"class_2_events", 0x0400}, {"class_1_events", 0x0200}, {"all_stations", 0x0100},
		{"reserved_1", 0x0080}, {"reserved_2", 0x0040}, {"config_corrupt", 0x0020}, {"already_executing", 0x0010},
		{"event_buffer_overflow", 0x0008}, {"parameter_error", 0x0004}, {"object_unknown", 0x0002},
		{"no_func_code_support", 0x0001},
	}
}

// FunctionByName returns the code of a function by the name that rules use.
func FunctionByName(name string) (byte, bool) {
	for code, n := range functionNames {
		if n == name && n != "" {
			return byte(code), true
		}
	}
	return 0, false
}

var functionNames = [...]string{
	0: "confirm", 1: "read", 2: "write", 3: "select", 4: "operate", 5: "direct_operate", 6: "direct_operate_nr",
	7: "immed_freeze", 8: "immed_freeze_nr", 9: "freeze_clear", 10: "freeze_clear_nr", 11: "freeze_at_time",
	12: "freeze_at_time_nr", 13: "cold_restart", 14: "warm_restart", 15: "initialize_data", 16: "initialize_appl",
	17: "start_appl", 18: "stop_appl", 19: "save_config", 20: "enable_unsolicited", 21: "disable_unsolicited",
	22: "assign_class", 23: "delay_measure", 24: "record_current_time", 25: "open_file", 26: "close_file",
	27: "delete_file", 28: "get_file_info", 29: "authenticate_file", 30: "abort_file", 31: "activate_config",
	32: "authenticate_req", 33: "authenticate_err", 129: "response", 130: "unsolicited_response", 131: "authenticate_resp",
}
