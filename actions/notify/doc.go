// Package notify tells people about incidents and measures: by mail, Slack, webhook, Alertmanager, syslog and wall. A
// message is on disk before it is sent, and stays there until its receiver has taken it. What belongs to one incident is
// grouped, repeated while it is open, held back in quiet hours, and ended by a message when it is resolved.
package notify
