// Package fail2ban answers those who ask for fail2ban: fail2ban-client, monitors, exporters and scripts that speak to its
// socket. In go pickled commands (lists of words), out come pickled answers with the values, tuples and exceptions that
// fail2ban would send; what the jails are and do is asked of a Host, which the sensor implements.
//
//	server     the socket: one goroutine for each client, all of it bounded     server.go
//	answer     which verb is which function                                     answer.go
//	status     status, stats, banned                                            status.go
//	get, set   the attributes of a jail and of its actions                      get.go, set.go
//	client     asking such a socket                                             client.go
//	beautify   an answer as fail2ban-client prints it                           beautify.go
//
// The law is fail2ban 1.1.2: fail2ban-client(1), and what its server was seen to answer. What picket does not do is
// answered with an exception that says so, never with a pretended success.
package fail2ban
