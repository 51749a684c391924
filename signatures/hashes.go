package signatures

import "strings"

// Hashes tells which sums of files the rules compare, and whether files are to be stored (which names them by
// SHA-256).
func (e *Engine) Hashes() (md5, sha1, sha256 bool) {
	var all fileSum
	for _, s := range e.Signatures {
		all |= s.sums
		if s.fileStore {
			all |= sumSHA256
		}
	}
	return all&sumMD5 != 0, all&sumSHA1 != 0, all&sumSHA256 != 0
}

// Uses tells whether a rule looks at a buffer of transactions whose name begins so ("ssh.hassh").
func (e *Engine) Uses(prefix string) bool {
	for _, s := range e.Signatures {
		for i := range s.tx {
			if strings.HasPrefix(s.tx[i].name, prefix) {
				return true
			}
		}
	}
	return false
}
