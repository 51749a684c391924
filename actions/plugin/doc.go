// Package plugin runs measures that others have written: a JSON file names the command, and the command gets the
// incident as JSON on its standard input. Plugins run as an unprivileged user, without a shell unless they ask for one,
// with bounded time, memory, descriptors and environment; when their time is over everything that they have started is
// killed, and that it is gone is checked.
package plugin
