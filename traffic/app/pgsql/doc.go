// Package pgsql reads PostgreSQL's frontend/backend protocol, version 3 (PostgreSQL manual, chapter "Frontend/Backend
// Protocol"). A transaction is a request with all that the server says until it is ready again; its Data is a
// *Transaction. Data rows are counted, not kept. Where a transaction begins and ends follows Suricata 8.
package pgsql
