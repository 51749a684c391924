// Package app says what the bytes of a flow mean: it finds the protocol and turns the bytes into transactions.
//
// In come bytes in order (TCP, from stream) or datagrams (UDP); out come transactions with events and files,
// kept until judged and logged. Each protocol is one package below this one with one line in the table of
// package protocols and one fuzz target. Parsers keep to a bound for everything a peer can choose; what goes
// over it ends in an event, never in growth, a loop or a panic. All of it runs in its worker's goroutine.
package app
