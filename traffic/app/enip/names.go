package enip

import "strconv"

// name is what records and rules call a number. The names are Suricata's, whose words are ODVA's and Wireshark's.
type name struct {
	n    uint32
	text string
}

// find returns the name of a number, "" when it has none.
func find(table []name, n uint32) string {
	for i := range table {
		if table[i].n == n {
			return table[i].text
		}
	}
	return ""
}

// known is find for records: a number without a name is "unknown-7".
func known(table []name, n uint32) string {
	if s := find(table, n); s != "" {
		return s
	}
	return "unknown-" + strconv.FormatUint(uint64(n), 10)
}

// number finds a number by its name.
func number(table []name, text string) (uint64, bool) {
	for i := range table {
		if table[i].text == text {
			return uint64(table[i].n), true
		}
	}
	return 0, false
}

// CommandName returns the name of the PDU's command, "" when it is none.
func (u *PDU) CommandName() string { return find(commands[:], uint32(u.Command)) }

// StatusName returns the name of the PDU's status, "" when it is none.
func (u *PDU) StatusName() string { return find(statuses[:], u.Status) }

// CommandByName finds a command.
func CommandByName(text string) (uint64, bool) { return number(commands[:], text) }

// StatusByName finds a status.
func StatusByName(text string) (uint64, bool) { return number(statuses[:], text) }

// ServiceName returns the name of the message's service.
func (m *Message) ServiceName() string { return known(services[:], uint32(m.Service)) }

// StatusName returns the name of an answer's status.
func (m *Message) StatusName() string { return known(cipStatuses[:], uint32(m.Status)) }

// ExtendedName says what the additional status of an answer means; "" where that is not known.
func (m *Message) ExtendedName() string {
	n, _ := m.ExtendedStatus()
	return find(extended[:], uint32(n))
}

// ClassName returns the name of the class that a request is about; false when it names none.
func (m *Message) ClassName() (string, bool) {
	for i := len(m.Path) - 1; i >= 0; i-- {
		if s := m.Path[i]; s.Kind() == Class && s.Value != 0 {
			return known(classes[:], s.Value), true
		}
	}
	return "", false
}

// KindName returns what a segment names.
func (s Segment) KindName() string {
	switch s.Kind() {
	case Class:
		return "class"
	case Instance:
		return "instance"
	case Attribute:
		return "attribute"
	}
	return known(nil, uint32(s.Type))
}

// VendorName returns the name of the device's vendor: the common ones of ODVA's list of more than a thousand.
func (i *Identity) VendorName() string { return known(vendors[:], uint32(i.Vendor)) }

// DeviceName returns the name of the device's type.
func (i *Identity) DeviceName() string { return known(devices[:], uint32(i.DeviceType)) }

// commands of volume 2, table 2-3.2.
var commands = [...]name{
	{CommandNop, "nop"}, {CommandListServices, "list_services"}, {CommandListIdentity, "list_identity"},
	{CommandListInterfaces, "list_interfaces"}, {CommandRegisterSession, "register_session"},
	{CommandUnregisterSession, "unregister_session"}, {CommandSendRRData, "send_r_r_data"},
	{CommandSendUnitData, "send_unit_data"}, {CommandIndicateStatus, "indicate_status"}, {CommandCancel, "cancel"},
}

// statuses of volume 2, table 2-3.3.
var statuses = [...]name{
	{0, "success"}, {1, "invalid_cmd"}, {2, "no_resources"}, {3, "incorrect_data"}, {0x64, "invalid_session"},
	{0x65, "invalid_length"}, {0x69, "unsupported_prot_rev"}, {0x6a, "encap_header_error"},
}

// services of volume 1, appendix A, and of single classes from 0x4b on.
var services = [...]name{
	{0x01, "Get Attributes All"}, {0x02, "Set Attributes All"}, {0x03, "Get Attribute List"},
	{0x04, "Set Attribute List"}, {0x05, "Reset"}, {0x06, "Start"}, {0x07, "Stop"}, {0x08, "Create"}, {0x09, "Delete"},
	{0x0a, "Multiple Service Packet"}, {0x0d, "Apply Attributes"}, {0x0e, "Get Attributes Single"},
	{0x10, "Set Attributes Single"}, {0x11, "Find Next Object Instance"}, {0x15, "Restore"}, {0x16, "Save"},
	{0x17, "No Forward Open"}, {0x18, "Get Member"}, {0x19, "Set Member"}, {0x1a, "Insert Member"},
	{0x1b, "Remove Member"}, {0x1c, "Group Sync"}, {0x1d, "Get Connection Point Member List"},
	{0x4b, "Execute PCCC Service"}, {0x4c, "Read Data"}, {0x4d, "Write Data"}, {0x4e, "Read Write Modify Data"},
	{0x52, "Read Data Fragmented"}, {0x53, "Write Data Fragmented"}, {0x54, "Forward Open"},
}

// cipStatuses are the general status codes of volume 1, appendix B.
var cipStatuses = [...]name{
	{0x00, "Success"}, {0x01, "Connection Failure"}, {0x02, "Resource Unavailable"}, {0x03, "Invalid Parameter Value"},
	{0x04, "Path Segment Error"}, {0x05, "Path Destination Unknown"}, {0x06, "Partial Transfer"},
	{0x07, "Connection Lost"}, {0x08, "Service Not Supported"}, {0x09, "Invalid Attribute Value"},
	{0x0a, "Attribute List Error"}, {0x0b, "Already In Requested Mode/State"}, {0x0c, "Object State Conflict"},
	{0x0d, "Object Already Exists"}, {0x0e, "Attribute Not Settable"}, {0x0f, "Privilege Violation"},
	{0x10, "Device State Conflict"}, {0x11, "Reply Data Too Large"}, {0x12, "Fragmentation Of A Primitive Value"},
	{0x13, "Not Enough Data"}, {0x14, "Attribute Not Supported"}, {0x15, "Too Much Data"},
	{0x16, "Object Does Not Exist"}, {0x17, "Service Fragmentation Sequence Not In Progress"},
	{0x18, "No Stored Attribute Data"}, {0x19, "Store Operation Failure"},
	{0x1a, "Routing Failure, Request Packet Too Large"}, {0x1b, "Routing Failure, Response Packet Too Large"},
	{0x1c, "Missing Attribute List Entry Data"}, {0x1d, "Invalid Attribute Value List"},
	{0x1e, "Embedded Service Error"}, {0x1f, "Vendor Specific Error"}, {0x20, "Invalid Parameter"},
	{0x21, "Write-Once Value Or Medium Already Written"}, {0x22, "Invalid Reply Received"}, {0x23, "Buffer Overflow"},
	{0x24, "Invalid Message Format"}, {0x25, "Key Failure In Path"}, {0x26, "Path Size Invalid"},
	{0x27, "Unexpected Attribute In List"}, {0x28, "Invalid Member ID"}, {0x29, "Member Not Settable"},
	{0x2a, "Group 2 Only Server General Failure"}, {0x2b, "Unknown Modbus Error"}, {0x2c, "Attribute Not Gettable"},
	{0xff, "Still Processing"},
}

// extended are the connection manager's additional status codes (volume 1, table 3-5.33).
var extended = [...]name{
	{0x100, "Connection in use or duplicate Forward Open"},
	{0x103, "Transport class and trigger combination not supported"}, {0x106, "Ownership conflict"},
	{0x107, "Target connection not found"}, {0x108, "Invalid network connection parameter"},
	{0x109, "Invalid connection size"}, {0x110, "Target for connection not configured"}, {0x111, "RPI not supported"},
	{0x112, "RPI value(s) not acceptable"}, {0x113, "Out of connections"},
	{0x114, "Vendor ID or product code mismatch"}, {0x115, "Device type mismatch"}, {0x116, "Revision mismatch"},
	{0x117, "Invalid produced or consumed application path"},
	{0x118, "Invalid or inconsistent configuration application path"}, {0x119, "Non-listen only connection not opened"},
	{0x11a, "Target object out of connections"}, {0x11b, "RPI is smaller than the production inhibit time"},
	{0x11c, "Transport class not supported"}, {0x11d, "Production trigger not supported"},
	{0x11e, "Direction not supported"}, {0x11f, "Invalid O->T Fixed/Variable"}, {0x120, "Invalid T->O Fixed/Variable"},
	{0x121, "Invalid O->T Priority"}, {0x122, "Invalid T->O Priority"}, {0x123, "Invalid O->T connection type"},
	{0x124, "Invalid T->O connection type"}, {0x125, "Invalid O->T redundant owner"},
	{0x126, "Invalid configuration size"}, {0x127, "Invalid O->T size"}, {0x128, "Invalid T->O size"},
	{0x129, "Invalid configuration application path"}, {0x12a, "Invalid consuming application path"},
	{0x12b, "Invalid producing application path"}, {0x12c, "Configuration symbol does not exist"},
	{0x12d, "Consuming symbol does not exist"}, {0x12e, "Producing symbol does not exist"},
	{0x12f, "Inconsistent application path combination"}, {0x130, "Inconsistent consume data format"},
	{0x131, "Inconsistent produce data format"}, {0x132, "NULL ForwardOpen not supported"},
	{0x203, "Connection timed out"}, {0x204, "Unconnected request timed out"},
	{0x205, "Parameter error in unconnected request"}, {0x206, "Message too large for UnconnectedSend"},
	{0x207, "Unconnected acknowledged without reply"}, {0x301, "No buffer memory available"},
	{0x302, "Network bandwidth not available for data"}, {0x303, "No consumed connection ID filter available"},
	{0x304, "Not configured to send scheduled priority data"}, {0x305, "Schedule signature mismatch"},
	{0x306, "Schedule signature validation not possible"}, {0x311, "Port not available"},
	{0x312, "Link address not valid"}, {0x315, "Invalid segment in connection path"},
	{0x316, "ForwardClose connection path mismatch"}, {0x317, "Scheduling not specified"},
	{0x318, "Link address to self invalid"}, {0x319, "Secondary resources unavailable"},
	{0x31a, "Rack connection already established"}, {0x31b, "Module connection already established"},
	{0x31c, "Miscellaneous"}, {0x31d, "Redundant connection mismatch"},
}

// classes of volume 1, table 5-1.1.
var classes = [...]name{
	{0x01, "Identity"}, {0x02, "Message Router"}, {0x03, "DeviceNet"}, {0x04, "Assembly"}, {0x05, "Connection"},
	{0x06, "Connection Manager"}, {0x07, "Register"}, {0x08, "Discrete Input Point"}, {0x09, "Discrete Output Point"},
	{0x0a, "Analog Input Point"}, {0x0b, "Analog Output Point"}, {0x0e, "Presence Sensing"}, {0x0f, "Parameter"},
	{0x10, "Parameter Group"}, {0x12, "Group"}, {0x1d, "Discrete Input Group"}, {0x1e, "Discrete Output Group"},
	{0x1f, "Discrete Group"}, {0x20, "Analog Input Group"}, {0x21, "Analog Output Group"}, {0x22, "Analog Group"},
	{0x23, "Position Sensor"}, {0x24, "Position Controller Supervisor"}, {0x25, "Position Controller"},
	{0x26, "Block Sequencer"}, {0x27, "Command Block"}, {0x28, "Motor Data"}, {0x29, "Control Supervisor"},
	{0x2a, "AC/DC Drive"}, {0x2b, "Acknowledge Handler"}, {0x2c, "Overload"}, {0x2d, "Softstart"}, {0x2e, "Selection"},
	{0x30, "S-Device Supervisor"}, {0x31, "S-Analog Sensor"}, {0x32, "S-Analog Actuator"},
	{0x33, "S-Single Stage Controller"}, {0x34, "S-Gas Calibration"}, {0x35, "Trip Point"}, {0x37, "File"},
	{0x38, "S-Partial Pressure"}, {0x39, "Safety Supervisor"}, {0x3a, "Safety Validator"},
	{0x3b, "Safety Discrete Output Point"}, {0x3c, "Safety Discrete Output Group"},
	{0x3d, "Safety Discrete Input Point"}, {0x3e, "Safety Discrete Input Group"}, {0x3f, "Safety Dual Channel Output"},
	{0x40, "S-Sensor Calibration"}, {0x41, "Event Log"}, {0x42, "Motion Device Axis"}, {0x43, "Time Sync"},
	{0x44, "Modbus"}, {0x45, "Originator Connection List"}, {0x46, "Modbus Serial Link"},
	{0x47, "Device Level Ring (DLR)"}, {0x48, "QoS"}, {0x49, "Safety Analog Input Point"},
	{0x4a, "Safety Analog Input Group"}, {0x4b, "Safety Dual Channel Analog Input"}, {0x4c, "SERCOS III Link"},
	{0x4d, "Target Connection List"}, {0x4e, "Base Energy"}, {0x4f, "Electrical Energy"},
	{0x50, "Non-Electrical Energy"}, {0x51, "Base Switch"}, {0x52, "SNMP"}, {0x53, "Power Management"},
	{0x54, "RSTP Bridge"}, {0x55, "RSTP Port"}, {0x56, "PRP/HSR Protocol"}, {0x57, "PRP/HSR Nodes Table"},
	{0x58, "Safety Feedback"}, {0x59, "Safety Dual Channel Feedback"}, {0x5a, "Safety Stop Functions"},
	{0x5b, "Safety Limit Functions"}, {0x5c, "Power Curtailment"}, {0x5d, "CIP Security"},
	{0x5e, "EtherNet/IP Security"}, {0x5f, "Certificate Management"}, {0x67, "PCCC Class"}, {0xf0, "ControlNet"},
	{0xf1, "ControlNet Keeper"}, {0xf2, "ControlNet Scheduling"}, {0xf3, "Connection Configuration"}, {0xf4, "Port"},
	{0xf5, "TCP/IP Interface"}, {0xf6, "Ethernet Link"}, {0xf7, "CompoNet"}, {0xf8, "CompoNet Repeater"},
}

// devices are the device profiles of volume 1, chapter 6.
var devices = [...]name{
	{0, "Generic Device (deprecated)"}, {1, "Control Station (deprecated)"}, {2, "AC Drive Device"},
	{3, "Motor Overload"}, {4, "Limit Switch"}, {5, "Inductive Proximity Switch"}, {6, "Photoelectric Sensor"},
	{7, "General Purpose Discrete I/O"}, {8, "Encoder (deprecated)"}, {9, "Resolver"},
	{10, "General Purpose Analog I/O (deprecated)"}, {12, "Communications Adapter"},
	{13, "Barcode Scanner (deprecated)"}, {14, "Programmable Logic Controller"}, {16, "Position Controller"},
	{17, "Weigh Scale (deprecated)"}, {18, "Message Display (deprecated)"}, {19, "DC Drive"},
	{20, "Servo Drives (deprecated)"}, {21, "Contactor"}, {22, "Motor Starter"}, {23, "Softstart Starter"},
	{24, "Human-Machine Interface"}, {25, "Pneumatic Valve(s) (deprecated)"}, {26, "Mass Flow Controller"},
	{27, "Pneumatic Valve(s)"}, {28, "Vacuum Pressure Gauge"}, {29, "Process Control Value"},
	{30, "Residual Gas Analyzer"}, {31, "DC Power Generator"}, {32, "RF Power Generator"},
	{33, "Turbomolecular Vacuum Pump"}, {34, "Encoder"}, {35, "Safety Discrete I/O Device"},
	{36, "Fluid Flow Controller"}, {37, "CIP Motion Drive"}, {38, "CompoNet Repeater"},
	{39, "Mass Flow Controller Enhanced"}, {40, "CIP Modbus Device"}, {41, "CIP Modbus Translator"},
	{42, "Safety Analog I/O Device"}, {43, "Generic Device (keyable)"}, {44, "Managed Ethernet Switch"},
	{45, "CIP Motion Safety Drive Device"}, {46, "Safety Drive Device"}, {47, "CIP Motion Encoder"},
	{48, "CIP Motion Converter"}, {49, "CIP Motion I/O"}, {50, "ControlNet Physical Layer Component"},
	{100, "In-Sight 2000 Series"}, {150, "PowerFlex 525"}, {200, "Embedded Component"}, {773, "DataMan Series Reader"},
}

// vendors by ODVA's number.
var vendors = [...]name{
	{1, "Rockwell Automation/Allen-Bradley"}, {2, "Namco Controls Corp."}, {3, "Honeywell Inc."},
	{4, "Parker Hannifin Corp. (Veriflo Division)"}, {5, "Rockwell Automation/Reliance Elec."}, {7, "SMC Corporation"},
	{8, "Molex Incorporated"}, {26, "Festo Corporation"}, {40, "Wago Corporation"}, {43, "BALLUFF Inc."},
	{46, "ABB Industrial Systems"}, {47, "Omron Corporation"}, {48, "Turck Inc."}, {57, "Pepperl + Fuchs"},
	{68, "Eaton Electrical"}, {77, "Rockwell Software Inc."}, {82, "Mitsubishi Electric Automation Inc."},
	{90, "HMS Industrial Networks AB"}, {95, "Square D Company"}, {97, "Danfoss"},
	{100, "Bosch Rexroth Corporation, Pneumatics"}, {108, "Beckhoff Automation GmbH"}, {109, "National Instruments"},
	{121, "KUKA Roboter GmbH"}, {145, "Siemens Energy & Automation/Drives"}, {161, "Mitsubishi Electric Corporation"},
	{243, "Schneider Automation Inc."}, {248, "Moeller GmbH"}, {250, "Yokogawa Electric Corporation"},
	{283, "Hilscher GmbH"}, {287, "Bosch Rexroth Corporation, Indramat"}, {309, "Prosoft Technology"},
	{315, "SEW Eurodrive GmbH"}, {326, "GE Fanuc Automation North America Inc."}, {356, "Fanuc Robotics America"},
	{367, "Keyence Corporation"},
}
