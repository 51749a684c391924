// Package flow keeps one worker's conversations.
//
// In comes a decoded packet; Track finds or makes its flow, feeds stream and app, and says which direction the
// packet has. Flow is a record without pointers in an arena; State, made only when a flow carries something to
// judge, hangs off it. Timeouts, memcap, emergency mode and the end of a flow follow Suricata's flow engine.
package flow
