// Package measure is the life of countermeasures. A policy proposes a measure for an incident; it waits for its delay
// and for an operator's approval, passes the gate, is done by the Doer of its kind, is proven, and where it lasts, is
// lifted or expires. Every step is on disk before the next one begins, so that a crash between any two of them neither
// does anything twice nor loses it.
package measure
