package smb

import (
	"encoding/binary"
	"slices"
	"testing"

	"picket/traffic/app"
)

// message1 makes a record of SMB 1 with UTF-16 strings and NT status.
func message1(answer bool, command byte, tree, user uint16, words, data []byte) []byte {
	b := make([]byte, header1)
	copy(b, "\xffSMB")
	le := binary.LittleEndian
	b[4] = command
	if answer {
		b[9] = 0x80
	}
	le.PutUint16(b[10:], 0xc000)
	le.PutUint16(b[24:], tree)
	le.PutUint16(b[28:], user)
	le.PutUint16(b[30:], 3)
	b = append(append(b, byte(len(words)/2)), words...)
	return append(le.AppendUint16(b, uint16(len(data))), data...)
}

func TestVersion1(t *testing.T) {
	path := append([]byte{0}, append(wide(`\\h\IPC$`), 0, 0)...)
	client := frame(message1(false, negotiate1, 0, 0, nil, []byte("\x02LANMAN1.0\x00\x02NT LM 0.12\x00")))
	client = append(client, frame(message1(false, connectX1, 0, 9, body(8, [3]int{0, 1, 0xff}, [3]int{6, 2, 1}), append(path, "\x00?????\x00"...)))...)
	server := frame(message1(true, negotiate1, 0, 0, body(34, [3]int{0, 2, 1}), nil))
	server = append(server, frame(message1(true, connectX1, 4, 9, body(6, [3]int{0, 1, 0xff}), []byte("IPC\x00\x00\x00")))...)
	for _, size := range []int{1, 50, 1000} {
		p := newParser(nil).(*parser)
		if feed(p, app.ToServer, client, size) != nil || feed(p, app.ToClient, server, size) != nil {
			t.Fatal("not parsed")
		}
		var got []string
		for _, tx := range p.txs.Open {
			x := tx.Data.(*Transaction)
			status, _, _ := x.Status.Text()
			got = append(got, x.CommandName()+" "+status)
		}
		want := []string{"SMB1_COMMAND_NEGOTIATE_PROTOCOL STATUS_SUCCESS", "SMB1_COMMAND_TREE_CONNECT_ANDX STATUS_SUCCESS"}
		c := p.txs.Open[1].Data.(*Transaction).Connect
		if !slices.Equal(got, want) || p.conn.DialectText() != "NT LM 0.12" || c == nil || !c.Pipe || string(c.Response) != "IPC" {
			t.Errorf("%q, dialect %s, %+v", got, p.conn.DialectText(), c)
		}
	}
}
