package main

func runFail2banRegex(p *program) int { return failed }
