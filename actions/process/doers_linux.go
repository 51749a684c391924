package process

import (
	"log/slog"

	"picket/actions/measure"
)

// Doers are the measures of this package by name.
//
//	kill, kill-group, kill-tree, kill-container   signal (TERM), grace (5s), pid or the incident's process
//	suspend                                       until it is lifted
//	renice                                        nice, -20 to 19
//	stop-unit, restart-unit                       unit, of systemd
func Doers(g Gate, log *slog.Logger) measure.Doers {
	return measure.Doers{
		"kill": &Kill{One, g}, "kill-group": &Kill{Group, g}, "kill-tree": &Kill{Tree, g}, "kill-container": &Kill{Container, g},
		"suspend": &Suspend{g}, "renice": &Renice{g, log},
		"stop-unit": &Unit{"stop"}, "restart-unit": &Unit{"restart"},
	}
}
