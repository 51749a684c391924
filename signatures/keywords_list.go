package signatures

import (
	"cmp"
	"slices"
)

// KeywordInfo is one keyword as the support table tells of it.
type KeywordInfo struct {
	Name    string
	Aliases []string
	Kind    string // "buffer", "modifier" or "option"
	Protos  []string
}

// Keywords lists every keyword that rules may use, by name.
func Keywords() []KeywordInfo {
	var list []KeywordInfo
	for _, k := range keywordTable() {
		if k.Buffer == nil {
			list = append(list, KeywordInfo{Name: k.Name, Aliases: k.Aliases, Kind: "option"})
			continue
		}
		b := k.Buffer
		list = append(list, KeywordInfo{Name: b.Name, Aliases: slices.Concat(k.Aliases, b.Aliases), Kind: "buffer", Protos: b.protocols()})
		if b.Modifier != "" {
			list = append(list, KeywordInfo{Name: b.Modifier, Kind: "modifier", Protos: b.protocols()})
		}
	}
	slices.SortFunc(list, func(a, b KeywordInfo) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b KeywordInfo) bool { return a.Name == b.Name && a.Kind == b.Kind })
}

// protocols names the application protocols of a buffer; none for packet buffers.
func (b *Buffer) protocols() []string {
	var names []string
	for _, p := range b.Points {
		if name := p.Proto.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
