package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"picket/signatures"
)

func keywordsCommand() *cobra.Command {
	return &cobra.Command{Use: "keywords", Short: "list the rule keywords that picket understands", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) { printKeywords(cmd.OutOrStdout()) }}
}

// printKeywords writes the table that stands in docs/keywords.md.
func printKeywords(w io.Writer) {
	fmt.Fprint(w, "# Rule keywords\n\nWritten by `make generate` (`picket keywords`). Buffers are sticky; modifiers are the older spelling behind a content.\n\n")
	fmt.Fprint(w, "| keyword | kind | also written | protocols |\n|---|---|---|---|\n")
	for _, k := range signatures.Keywords() {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", k.Name, k.Kind, strings.Join(k.Aliases, ", "), strings.Join(k.Protos, ", "))
	}
}
