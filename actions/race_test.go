//go:build race

package actions

// manyRequests is a tenth of a million under the race detector, which is slow and finds nothing in one goroutine.
const manyRequests = 100_000
