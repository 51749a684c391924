//go:build !race

package actions

const manyRequests = 1_000_000
