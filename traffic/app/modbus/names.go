package modbus

import "strings"

// FunctionName returns the name of a function code as Suricata's records have it.
func (m *Message) FunctionName() string {
	if name := functions[m.Function]; name != "" {
		return name
	}
	return "Unknown"
}

// functions are the names of the function codes.
var functions = [128]string{
	1: "RdCoils", 2: "RdDiscreteInputs", 3: "RdHoldRegs", 4: "RdInputRegs", 5: "WrSingleCoil", 6: "WrSingleReg",
	7: "RdExcStatus", 8: "Diagnostic", 9: "Program484", 10: "Poll484", 11: "GetCommEventCtr", 12: "GetCommEventLog",
	13: "Program584", 14: "Poll584", 15: "WrMultCoils", 16: "WrMultRegs", 17: "ReportServerID", 18: "Program884",
	19: "ResetCommLink", 20: "RdFileRec", 21: "WrFileRec", 22: "MaskWrReg", 23: "RdWrMultRegs", 24: "RdFIFOQueue", 43: "MEI",
}

// ExceptionName returns the name of an answer's exception.
func (m *Message) ExceptionName() string {
	if int(m.Exception) < len(exceptions) && exceptions[m.Exception] != "" {
		return exceptions[m.Exception]
	}
	return "Unknown"
}

var exceptions = [...]string{
	1: "IllegalFunction", 2: "IllegalDataAddr", 3: "IllegalDataValue", 4: "ServerDeviceFail", 5: "Ack", 6: "ServerDeviceBusy",
	7: "NegAck", 8: "MemParityErr", 10: "GatewayPathUnavailable", 11: "GatewayTargetFailToResp",
}

// String lists what an access is: "READ | COILS".
func (a Access) String() string {
	return bits(uint8(a), "READ", "WRITE", "DISCRETES", "COILS", "INPUT", "HOLDING", "SINGLE", "MULTIPLE")
}

// String lists what a category is: "PUBLIC_ASSIGNED".
func (c Category) String() string {
	return bits(uint8(c), "PUBLIC_ASSIGNED", "PUBLIC_UNASSIGNED", "USER_DEFINED", "RESERVED")
}

func bits(set uint8, names ...string) string {
	var list []string
	for i, n := range names {
		if set>>i&1 != 0 {
			list = append(list, n)
		}
	}
	if list == nil {
		return "NONE"
	}
	return strings.Join(list, " | ")
}
