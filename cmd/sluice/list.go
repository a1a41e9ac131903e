package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/registry"
)

// listedRole is one role of the catalogue as `list --json` prints it.
type listedRole struct {
	Role    string        `json:"role"`
	Doc     string        `json:"doc"`
	Entries []listedEntry `json:"entries"`
}

type listedEntry struct {
	Name     string             `json:"name"`
	Summary  string             `json:"summary"`
	Source   string             `json:"source,omitempty"`
	Example  string             `json:"example"`
	Settings []registry.Setting `json:"settings"`
}

const pageWidth = 110 // columns of text output

func listCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [ROLE [NAME]]",
		Short: "Show the components a pipeline can name, with every setting",
		Long: "Without arguments: every role and its components. With a role, such as sources, models or sinks: each component\n" +
			"with an example, all settings, their defaults, and the paper or reference it follows. With a name: that one.",
		Example: "  sluice list\n  sluice list models\n  sluice list gates optfs\n  sluice list --json",
		Args:    cobra.MaximumNArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeList(args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := catalogue(args)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), roles)
			}
			if len(args) == 0 {
				overview(cmd.OutOrStdout(), roles)
				return nil
			}
			for _, e := range roles[0].Entries {
				details(cmd.OutOrStdout(), e)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the catalogue as JSON")
	return cmd
}

func completeList(args []string) []string {
	var out []string
	switch len(args) {
	case 0:
		for _, r := range registry.Roles() {
			out = append(out, r[0])
		}
	case 1:
		for _, e := range registry.Entries(args[0]) {
			out = append(out, e.Name)
		}
	}
	return out
}

// catalogue returns the roles that args ask for: all, one, or one with one entry.
func catalogue(args []string) ([]listedRole, error) {
	var out []listedRole
	var names []string
	for _, r := range registry.Roles() {
		names = append(names, r[0])
		if len(args) > 0 && args[0] != r[0] {
			continue
		}
		role := listedRole{Role: r[0], Doc: r[1], Entries: []listedEntry{}}
		for _, e := range registry.Entries(r[0]) {
			role.Entries = append(role.Entries, listedEntry{e.Name, e.Summary, e.Source, e.Example, registry.Describe(e.Settings)})
		}
		out = append(out, role)
	}
	if len(args) > 0 && len(out) == 0 {
		return nil, flow.Classify(flow.ErrConfig, check.OneOf("role", args[0], names...))
	}
	if len(args) < 2 {
		return out, nil
	}
	names = nil
	for _, e := range out[0].Entries {
		names = append(names, e.Name)
		if e.Name == args[1] {
			out[0].Entries = []listedEntry{e}
			return out, nil
		}
	}
	return nil, flow.Classify(flow.ErrConfig, check.OneOf(args[0], args[1], names...))
}

func overview(w io.Writer, roles []listedRole) {
	for i, r := range roles {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", r.Role, r.Doc)
		longest := 0
		for _, e := range r.Entries {
			longest = max(longest, len(e.Name))
		}
		for _, e := range r.Entries {
			fmt.Fprintf(w, "  %-*s  %s\n", longest, e.Name, e.Summary)
		}
	}
	fmt.Fprintln(w, "\nNext: sluice list ROLE shows every setting, sluice create DATA proposes a pipeline.")
}

func details(w io.Writer, e listedEntry) {
	fmt.Fprintln(w, e.Name)
	fmt.Fprintln(w, paragraph(e.Summary, "  ", pageWidth))
	if e.Source != "" {
		fmt.Fprintln(w, paragraph("source: "+e.Source, "  ", pageWidth))
	}
	fmt.Fprintln(w, "  example: "+example(e))
	if len(e.Settings) > 0 {
		var b strings.Builder
		t := newTable(&b, "setting", "type", "default", "meaning")
		t.SetColumnConfigs(append(right(), wrap(2, 24), wrap(3, 24), wrap(4, 60)))
		for _, s := range e.Settings {
			t.AppendRow([]any{s.Key, s.Type, s.Default, s.Doc})
		}
		t.Render()
		fmt.Fprintln(w, "\n  "+strings.ReplaceAll(strings.TrimRight(b.String(), "\n"), "\n", "\n  "))
	}
	fmt.Fprintln(w)
}

func example(e listedEntry) string {
	if e.Example == "" {
		return e.Name
	}
	return e.Name + ": " + e.Example
}

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
