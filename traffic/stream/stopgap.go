package stream

import "picket/traffic/packet"

type Config struct{ Inline bool }

func Default() Config { return Config{} }

func EventName(packet.Event) string { return "" }
