// Command picket is the whole program.
package main

func main() {}
