// Package dnp3 reads DNP3 over TCP (IEEE 1815): link frames with their checksums, the transport function that puts
// fragments together, and the headers and points of objects.
//
// As in Suricata 8 each request and each answer is a transaction of its own. Fragments have a bound; points stay in
// the fragment and are decoded when somebody asks for them, so that a fragment costs no more than its bytes.
package dnp3
