// Package sensor is picket at work: it owns every goroutine and walks every packet.
//
// worker.go holds a packet's whole walk on one page; sensor.go the one list of goroutines; config.go what an
// operator can say; settings.go and suricata.go read a suricata.yaml where one is in force; reload.go builds
// the new rule set whole and swaps it.
package sensor
