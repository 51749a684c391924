// Package mqtt reads MQTT 3.1, 3.1.1 and 5 (OASIS MQTT). In come the bytes of a connection, out go transactions
// whose Data is a *Transaction: a message and those that answer it (CONNECT with CONNACK, PUBLISH with PUBACK or
// PUBREC, PUBREL and PUBCOMP, SUBSCRIBE with SUBACK). Which messages belong together, which events are raised and
// where a message is cut follows Suricata 8 (its manual, "MQTT Keywords" and "app-layer.protocols.mqtt").
package mqtt
