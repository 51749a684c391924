package search

type nibbles struct{}

func newNibbles(_, _ []placed) *nibbles { return nil }
