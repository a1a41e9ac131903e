package main

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/spf13/cobra"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/neighbours"
)

// answer is one neighbour as `query --json` prints it; a null value has no value.
type answer struct {
	Field string  `json:"field"`
	Value *string `json:"value"`
	Count int64   `json:"count"`
	Gate  float32 `json:"gate"`
	Kept  bool    `json:"kept"`
	Score float64 `json:"score"`
}

func queryCmd() *cobra.Command {
	var q neighbours.Query
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "query EMBEDDINGS",
		Short: "Find the values whose embeddings are nearest to one",
		Long: "Reads the newest version of an embeddings folder, or the file named, and compares one value with every value of\n" +
			"its field, or of the field named by --into. The search is exact.",
		Example: "  sluice query out/embeddings --field item --value i42\n" +
			"  sluice query out/embeddings --field user --value u7 --into item --metric dot --k 5",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Null = !cmd.Flags().Changed("value")
			if err := checkQuery(cmd, q); err != nil {
				return err
			}
			t, err := neighbours.Open(cmd.Context(), memory.DefaultAllocator, args[0])
			if err != nil {
				return flow.Classify(flow.ErrConfig, err)
			}
			self, near, err := t.Nearest(q)
			if err != nil {
				return flow.Classify(flow.ErrConfig, asFlags(err))
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), answers(self, near))
			}
			showNeighbours(cmd.OutOrStdout(), t, q, self, near)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Field, "field", "", "field of the value, as under `fields:` in the pipeline")
	f.StringVar(&q.Value, "value", "", "the value")
	f.Bool("null", false, "ask about the null value of the field instead")
	f.IntVar(&q.K, "k", 10, "how many neighbours")
	f.StringVar(&q.Of, "into", "", "field of the neighbours (default: the same)")
	f.StringVar(&q.By, "metric", "cosine", "cosine or dot")
	f.BoolVar(&asJSON, "json", false, "print the neighbours as JSON")
	return cmd
}

func checkQuery(cmd *cobra.Command, q neighbours.Query) error {
	null, err := cmd.Flags().GetBool("null")
	if err != nil {
		return err
	}
	return flow.Classify(flow.ErrConfig, check.All(
		check.Required("--field", q.Field),
		check.That(q.Null == null, "--value", "a value, or --null", map[bool]string{true: "none", false: "both"}[q.Null]),
	))
}

// asFlags names violations after the flags that set them.
func asFlags(err error) error {
	names := map[string]string{"of": "--into", "by": "--metric"}
	vs := check.Of(err)
	for i, v := range vs {
		name, ok := names[v.Key]
		if !ok {
			name = "--" + v.Key
		}
		vs[i].Key = name
	}
	return vs
}

func answers(self neighbours.Neighbour, near []neighbours.Neighbour) any {
	out := struct {
		Of   answer   `json:"of"`
		Near []answer `json:"near"`
	}{asAnswer(self), []answer{}}
	for _, n := range near {
		out.Near = append(out.Near, asAnswer(n))
	}
	return out
}

func asAnswer(n neighbours.Neighbour) answer {
	a := answer{Field: n.Field, Count: n.Count, Gate: n.Gate, Kept: n.Kept, Score: n.Score}
	if !n.Null {
		a.Value = &n.Value
	}
	return a
}

func showNeighbours(w io.Writer, t *neighbours.Table, q neighbours.Query, self neighbours.Neighbour, near []neighbours.Neighbour) {
	into := q.Of
	if into == "" {
		into = q.Field
	}
	fmt.Fprintf(w, "%s = %s (seen %d times, %s) in %s, checkpoint %d\nnearest of %s by %s:\n\n", self.Field, shown(self), self.Count, kept(self), t.Path, t.Checkpoint, into, q.By)
	tbl := newTable(w, into, q.By, "count", "gate", "")
	tbl.SetColumnConfigs(right(2, 3, 4))
	for _, n := range near {
		tbl.AppendRow([]any{shown(n), fmt.Sprintf("%.4f", n.Score), n.Count, fmt.Sprintf("%.3f", n.Gate), kept(n)})
	}
	tbl.Render()
}

func shown(n neighbours.Neighbour) string {
	if n.Null {
		return "(null)"
	}
	return n.Value
}

func kept(n neighbours.Neighbour) string {
	if n.Kept {
		return "kept"
	}
	return "dropped by the gate"
}
