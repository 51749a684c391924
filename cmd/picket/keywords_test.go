package main

import (
	"bytes"
	"os"
	"testing"
)

func TestKeywordTableIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../docs/keywords.md")
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	printKeywords(&want)
	if !bytes.Equal(have, want.Bytes()) {
		t.Error("docs/keywords.md is not what the code says; run make generate")
	}
}
