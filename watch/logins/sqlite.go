package logins

import (
	"context"
	"database/sql"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// The databases of systems whose times outlast 2038. They are small and grow by a row a login; a damaged or foreign one is an
// error, and one that takes longer than queryWithin, too.
const (
	queryWithin = 2 * time.Second
	// maxText bounds a column, in characters.
	maxText = 256
)

// OfWTMPDB reads the newest sessions of wtmpdb's database (wtmpdb(8)), the newest first. Its times are microseconds, and 3 is
// the type of a user's session.
func OfWTMPDB(path string, most int) ([]Login, error) {
	return query(path, time.UnixMicro, `SELECT substr(User, 1, ?1), Login, substr(coalesce(TTY, ''), 1, ?1), substr(coalesce(RemoteHost, ''), 1, ?1),
		substr(coalesce(Service, ''), 1, ?1) FROM wtmp WHERE Type = 3 ORDER BY Login DESC LIMIT ?2`, most)
}

// OfLastlog2 reads the last session of each user (lastlog2(8)), the newest first. Its times are seconds.
func OfLastlog2(path string, most int) ([]Login, error) {
	return query(path, func(s int64) time.Time { return time.Unix(s, 0) }, `SELECT substr(Name, 1, ?1), Time, substr(coalesce(TTY, ''), 1, ?1),
		substr(coalesce(RemoteHost, ''), 1, ?1), substr(coalesce(Service, ''), 1, ?1) FROM Lastlog2 WHERE Time > 0 ORDER BY Time DESC LIMIT ?2`, most)
}

func query(path string, at func(int64) time.Time, text string, most int) (list []Login, err error) {
	f, _, err := regular(path) // SQLite would make a file that is not there
	if err != nil {
		return nil, err
	}
	f.Close()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&_pragma=busy_timeout(200)&_pragma=trusted_schema(0)"}).String())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), queryWithin)
	defer cancel()
	rows, err := db.QueryContext(ctx, text, maxText, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l Login
		var when int64
		if err := rows.Scan(&l.User, &when, &l.Line, &l.Host, &l.Service); err != nil {
			return list, err
		}
		l.At, l.Addr = at(when).UTC(), address(l.Host)
		list = append(list, l)
	}
	return list, rows.Err()
}
