// Package ftp reads file transfer (RFC 959, RFC 2428): the control connection, whose transactions are a command with
// its replies (*Exchange), and the data connections that it announces, whose one transaction carries a file
// (*Transfer). It follows Suricata's src/app-layer-ftp.c where detection depends on it.
package ftp
