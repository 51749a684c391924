// Package dataset holds the sets of values that the keywords dataset and datarep ask: strings, sums, addresses.
//
// In go a set's description (Spec) and the text of its file; out comes a Set, which all workers share: it is
// asked and, by rules that say so, written while packets are judged, so it has a lock of its own. What traffic adds is
// bounded by the set's memcap: beyond it additions are refused and counted. Write gives the text that a later load
// reads again. The package opens no files.
//
// Formats are Suricata's (docs.suricata.io, "Datasets"): one value a line, strings in base64, sums in hexadecimal,
// addresses as text, for datarep ",reputation" behind it; or JSON, whose objects become the context of an alert.
package dataset
