// Package sensor is picket at work: it owns every goroutine and walks every packet.
//
// worker.go holds a packet's whole walk on one page; sensor.go the one list of goroutines; config.go what an operator can
// say (read by sensor/strict); rules.go builds a rule set whole before it is swapped. An existing suricata.yaml is read by
// sensor/suricata.
package sensor
