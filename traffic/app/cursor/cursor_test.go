package cursor

import "testing"

func TestCursor(t *testing.T) {
	c := New([]byte{1, 0, 2, 0, 0, 0, 3, 4, 0, 'a', 'b', 0, 'z'})
	if c.U8() != 1 || c.U16() != 2 || c.U32() != 3 || c.LE16() != 4 || string(c.Until(0)) != "ab" || c.Left() != 1 {
		t.Error("wrong field")
	}
	if c.Failed() || c.U32() != 0 || !c.Failed() || c.U8() != 0 || c.Left() != 0 {
		t.Error("a cursor that has failed goes on")
	}
}
