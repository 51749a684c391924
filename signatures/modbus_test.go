package signatures

import (
	"testing"

	"picket/traffic/app/modbus"
)

// The examples of Suricata's manual and tests, on a request to read 19 coils from address 30864 (which rules call 30865).
func TestModbusRule(t *testing.T) {
	coils := &modbus.Message{Unit: 10, Function: 1, Access: modbus.Read | modbus.Coils, Category: modbus.Assigned, Address: 30864, Quantity: 19}
	inputs := &modbus.Message{Function: 4, Access: modbus.Read | modbus.Input, Category: modbus.Assigned, Address: 8, Quantity: 0x60}
	write := &modbus.Message{Function: 6, Access: modbus.Write | modbus.Holding | modbus.Single, Category: modbus.Assigned, Address: 6,
		Quantity: 1, Values: []byte{0, 11}}
	for _, tc := range []struct {
		text string
		m    *modbus.Message
		want bool
	}{
		{"access read", coils, true}, {"access read, address 30870", coils, true}, {"access read, address 30863", coils, false},
		{"unit 11, access read, address 30870", coils, false}, {"unit 10, access read coils", coils, true},
		{"unit 10, access write", coils, false}, {"unit 5<>15", coils, true}, {"unit >10", coils, false}, {"unit <11", coils, true},
		{"function 1", coils, true}, {"function 8, subfunction 4", coils, false}, {"function public", coils, true},
		{"function !user", coils, true}, {"function !assigned", coils, false}, {"unit 10, function user", coils, false},
		{"access read input, address <9", inputs, false}, {"access read input, address <10", inputs, true},
		{"access read input, address 5<>9", inputs, false}, {"access read input, address 103<>110", inputs, true},
		{"access read input, address >104", inputs, false}, {"access read input, address 104", inputs, true},
		{"access write holding, address 7, value 11", write, true}, {"access write holding, address 7, value <11", write, false},
		{"access write, address 7, value 5<>20", write, true}, {"access write coils", write, false},
	} {
		r, err := readModbus(tc.text)
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		if got := r.match(tc.m); got != tc.want {
			t.Errorf("%s: %v", tc.text, got)
		}
	}
	for _, bad := range []string{"", "function 0", "function x", "access write input", "access read, value 5", "subfunction 4",
		"access write, address 5<>9, value 3", "address 5", "unit 70000", "function 1, unit 5", "access erase"} {
		if _, err := readModbus(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
