package pickle

// The Go types of values: nil, bool, int64, float64, string, Bytes, List, Tuple, Dict, Set and Object. Encode also takes
// int, []string and []any.
type (
	// Bytes is Python's bytes.
	Bytes []byte
	// List is Python's list.
	List []any
	// Tuple is Python's tuple.
	Tuple []any
	// Set is Python's set or frozenset, in the order of the pickle.
	Set []any
	// Dict is Python's dict in its order; keys may be of any type.
	Dict []Pair
)

// Pair is an entry of a Dict.
type Pair struct{ Key, Value any }

// Object is an instance of a class, which for fail2ban means an exception. Nothing is called to make it.
type Object struct {
	Module, Name string
	Args         Tuple
}

// Exception returns an exception with one argument as Python's built-in class name would have it.
func Exception(name, text string) Object {
	return Object{Module: "exceptions", Name: name, Args: Tuple{text}}
}
