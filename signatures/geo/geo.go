// Package geo tells the country of an address.
//
// In goes a database in MaxMind's format (GeoLite2-Country, or any other with country.iso_code), whole in memory; out
// comes ISO 3166's two letters. A Database never changes and may be asked by any number of goroutines.
package geo

import (
	"fmt"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Database finds countries.
type Database struct{ reader *maxminddb.Reader }

// New reads a database; file must not change afterwards.
func New(file []byte) (*Database, error) {
	r, err := maxminddb.OpenBytes(file)
	if err != nil {
		return nil, fmt.Errorf("geoip database: %w", err)
	}
	return &Database{r}, nil
}

// Country returns the country of an address, "" when the database does not know it or is damaged there.
func (d *Database) Country(a netip.Addr) string {
	var code string
	if err := d.reader.Lookup(a.Unmap()).DecodePath(&code, "country", "iso_code"); err != nil {
		return ""
	}
	return code
}
