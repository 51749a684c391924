build: ## build the picket binary
	CGO_ENABLED=0 go build -trimpath -o picket ./cmd/picket
