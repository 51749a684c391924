package actions

// Standing lists the bans that stand when picket starts, ordered by address. It is for those who prepare what comes
// before Run; from then on Bans must be asked.
func (r *Responder) Standing() []Ban { return ordered(r.list()) }
