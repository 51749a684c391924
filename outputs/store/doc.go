// Package store keeps incidents, their timelines and evidence, and measures, in one SQLite database under the state
// directory, which operators may query with any SQLite tool.
//
// Nobody waits for the database. What is to be kept is written to an append-only journal first (one write(2), some
// microseconds, safe from kill -9) and goes into the database in group commits by a goroutine of the store's own.
// What the journal holds beyond the database's own mark is applied at the next start. Records of the same thing, such
// as two states of one incident, replace each other while they wait, and applying one twice does nothing: their key is
// their number in the journal or the thing's own.
//
// A thing of a new kind joins in three places: a migration (schema.go), a line in the table of kinds (kinds.go), and a
// file with its keep and its queries.
package store
