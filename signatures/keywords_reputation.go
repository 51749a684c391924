package signatures

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

// reputationKeywords hold values against lists from files.
func reputationKeywords() []Keyword {
	return []Keyword{
		{Name: "dataset", Parse: errUnsupported("dataset")},
		{Name: "datarep", Parse: errUnsupported("datarep")},
		{Name: "iprep", Parse: errUnsupported("iprep")},
	}
}

// readHashes reads hashes of size bytes: hexadecimal at the begin of each line, "#" begins a comment.
func readHashes(text []byte, size int) (map[string]bool, error) {
	set := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) < 2*size {
			return nil, fmt.Errorf("line %d is no hash", n)
		}
		sum, err := hex.DecodeString(line[:2*size])
		if err != nil {
			return nil, fmt.Errorf("line %d is no hash", n)
		}
		set[string(sum)] = true
	}
	return set, lines.Err()
}
