// Package web answers operators: JSON over HTTP on picket's control socket (a Unix socket of mode 0600), and
// the client that the command line uses. It asks the sensor through the interface Sensor; it decides nothing.
package web
