package smb

import "strconv"

// CommandName returns the command's name as Suricata writes it.
func (t *Transaction) CommandName() string {
	if t.Version == 1 {
		if name, ok := commandName1(uint8(t.Command)); ok {
			return name
		}
		return strconv.Itoa(int(t.Command))
	}
	if int(t.Command) < len(commands2) {
		return "SMB2_COMMAND_" + commands2[t.Command]
	}
	return strconv.Itoa(int(t.Command))
}

var commands2 = [...]string{"NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE",
	"CLOSE", "FLUSH", "READ", "WRITE", "LOCK", "IOCTL", "CANCEL", "KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO", "SET_INFO",
	"OPLOCK_BREAK"}

func commandName1(c uint8) (string, bool) {
	for _, x := range commands1 {
		if x.code == c {
			return "SMB1_COMMAND_" + x.name, true
		}
	}
	return "", false
}

var commands1 = [...]struct {
	code uint8
	name string
}{
	{0x00, "CREATE_DIRECTORY"}, {0x01, "DELETE_DIRECTORY"}, {0x02, "OPEN"}, {0x03, "CREATE"}, {0x04, "CLOSE"}, {0x05, "FLUSH"},
	{0x06, "DELETE"}, {0x07, "RENAME"}, {0x08, "QUERY_INFORMATION"}, {0x09, "SET_INFORMATION"}, {0x0a, "READ"}, {0x0b, "WRITE"},
	{0x0c, "LOCK_BYTE_RANGE"}, {0x0d, "UNLOCK_BYTE_RANGE"}, {0x0e, "CREATE_TEMPORARY"}, {0x0f, "CREATE_NEW"},
	{0x10, "CHECK_DIRECTORY"}, {0x11, "PROCESS_EXIT"}, {0x12, "SEEK"}, {0x13, "LOCK_AND_READ"}, {0x14, "WRITE_AND_UNLOCK"},
	{0x1a, "READ_RAW"}, {0x1b, "READ_MPX"}, {0x1c, "READ_MPX_SECONDARY"}, {0x1d, "WRITE_RAW"}, {0x1e, "WRITE_MPX"},
	{0x1f, "WRITE_MPX_SECONDARY"}, {0x20, "WRITE_COMPLETE"}, {0x21, "QUERY_SERVER"}, {0x22, "SET_INFORMATION2"},
	{0x23, "QUERY_INFORMATION2"}, {0x24, "LOCKING_ANDX"}, {0x25, "TRANS"}, {0x26, "TRANS_SECONDARY"}, {0x27, "IOCTL"},
	{0x28, "IOCTL_SECONDARY"}, {0x29, "COPY"}, {0x2a, "MOVE"}, {0x2b, "ECHO"}, {0x2c, "WRITE_AND_CLOSE"}, {0x2d, "OPEN_ANDX"},
	{0x2e, "READ_ANDX"}, {0x2f, "WRITE_ANDX"}, {0x30, "NEW_FILE_SIZE"}, {0x31, "CLOSE_AND_TREE_DISC"}, {0x32, "TRANS2"},
	{0x33, "TRANS2_SECONDARY"}, {0x34, "FIND_CLOSE2"}, {0x35, "FIND_NOTIFY_CLOSE"}, {0x70, "TREE_CONNECT"}, {0x71, "TREE_DISCONNECT"},
	{0x72, "NEGOTIATE_PROTOCOL"}, {0x73, "SESSION_SETUP_ANDX"}, {0x74, "LOGOFF_ANDX"}, {0x75, "TREE_CONNECT_ANDX"},
	{0x7e, "SECURITY_PACKAGE_ANDX"}, {0x80, "QUERY_INFO_DISK"}, {0x81, "SEARCH"}, {0x82, "FIND"}, {0x83, "FIND_UNIQUE"},
	{0x84, "FIND_CLOSE"}, {0xa0, "NT_TRANS"}, {0xa1, "NT_TRANS_SECONDARY"}, {0xa2, "NT_CREATE_ANDX"}, {0xa4, "NT_CANCEL"},
	{0xa5, "NT_RENAME"}, {0xc0, "OPEN_PRINT_FILE"}, {0xc1, "WRITE_PRINT_FILE"}, {0xc2, "CLOSE_PRINT_FILE"}, {0xc3, "GET_PRINT_QUEUE"},
	{0xd8, "READ_BULK"}, {0xd9, "WRITE_BULK"}, {0xda, "WRITE_BULK_DATA"}, {0xfe, "INVALID"}, {0xff, "NO_ANDX_COMMAND"},
}

// DialectText returns the dialect that the peers have agreed on, as Suricata writes it.
func (c *Connection) DialectText() string {
	switch {
	case c.Dialect != 0:
		return DialectName(c.Dialect)
	case c.DialectName != nil:
		return string(c.DialectName)
	}
	return "unknown"
}

// DialectName returns the name of one of SMB 2's dialects.
func DialectName(d uint16) string {
	switch d {
	case 0x0202:
		return "2.02"
	case 0x0210:
		return "2.10"
	case 0x0222:
		return "2.22"
	case 0x0224:
		return "2.24"
	case 0x02ff:
		return "2.??"
	case 0x0300:
		return "3.00"
	case 0x0302:
		return "3.02"
	case 0x0310:
		return "3.10"
	case 0x0311:
		return "3.11"
	}
	return strconv.Itoa(int(d))
}

// FunctionName returns the name of an IOCTL's or FSCTL's function (MS-FSCC §2.3).
func FunctionName(f uint32) string {
	if name, ok := functionNames[f]; ok {
		return name
	}
	return strconv.Itoa(int(f))
}

var functionNames = map[uint32]string{
	0x00060194: "FSCTL_DFS_GET_REFERRALS", 0x000601b0: "FSCTL_DFS_GET_REFERRALS_EX", 0x00090000: "FSCTL_REQUEST_OPLOCK_LEVEL_1",
	0x00090018: "FSCTL_LOCK_VOLUME", 0x0009001c: "FSCTL_UNLOCK_VOLUME", 0x0009003c: "FSCTL_GET_COMPRESSION",
	0x0009009c: "FSCTL_GET_OBJECT_ID", 0x000900a4: "FSCTL_SET_REPARSE_POINT", 0x000900a8: "FSCTL_GET_REPARSE_POINT",
	0x000900c0: "FSCTL_CREATE_OR_GET_OBJECT_ID", 0x000900c4: "FSCTL_SET_SPARSE", 0x000900d4: "FSCTL_SET_ENCRYPTION",
	0x000900eb: "FSCTL_READ_FILE_USN_DATA", 0x000940cf: "FSCTL_QUERY_ALLOCATED_RANGES", 0x00090204: "FSCTL_QUERY_FILE_REGIONS",
	0x000980c8: "FSCTL_SET_ZERO_DATA", 0x0009c040: "FSCTL_SET_COMPRESSION", 0x0011400c: "FSCTL_PIPE_PEEK",
	0x00110018: "FSCTL_PIPE_WAIT", 0x0011c017: "FSCTL_PIPE_TRANSCEIVE", 0x001401d4: "FSCTL_LMR_REQUEST_RESILIENCY",
	0x001401fc: "FSCTL_QUERY_NETWORK_INTERFACE_INFO", 0x00140204: "FSCTL_VALIDATE_NEGOTIATE_INFO",
	0x00140078: "FSCTL_SRV_REQUEST_RESUME_KEY", 0x00144064: "FSCTL_SRV_ENUMERATE_SNAPSHOTS", 0x001440f2: "FSCTL_SRV_COPYCHUNK",
	0x001441bb: "FSCTL_SRV_READ_HASH", 0x001480f2: "FSCTL_SRV_COPYCHUNK_WRITE",
}
