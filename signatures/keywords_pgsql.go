package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/pgsql"
)

// pgsqlKeywords are the PostgreSQL keywords of Suricata 8 ("PGSQL Keywords" in its manual).
func pgsqlKeywords() []Keyword {
	return []Keyword{buffer(Buffer{Name: "pgsql.query", Points: at(app.ToServer, 0, func(v *view) []byte {
		if t, ok := v.Tx.Data.(*pgsql.Transaction); ok {
			return t.Query()
		}
		return nil
	}, app.PgSQL)})}
}
