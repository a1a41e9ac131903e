package sinks

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sinks, flow.Entry[EmbeddingsConfig, flow.Sink]{
		Name:    "embeddings",
		Summary: "The learned embeddings as versioned Parquet files: one row for each feature, with its gate and vector.",
		Example: "{path: out/embeddings}",
		Default: EmbeddingsConfig{Keep: 1},
		Build:   func(c EmbeddingsConfig) (flow.Sink, error) { return newEmbeddings(c) },
	})
}

// EmbeddingsConfig is what the embeddings sink can be told.
type EmbeddingsConfig struct {
	Path  string `yaml:"path" doc:"folder of the files embeddings-<checkpoint>.parquet; made when absent"`
	Every int    `yaml:"every" doc:"checkpoints from one version to the next; 0: only one, at the end"`
	Keep  int    `yaml:"keep" doc:"newest versions that are kept, at least 1; a new one is visible before an old one goes"`
}

// Validate reports every setting that cannot be used.
func (c EmbeddingsConfig) Validate() error {
	return check.All(
		check.Required("path", c.Path),
		check.NotNegative("every", c.Every),
		check.AtLeast("keep", c.Keep, 1),
	)
}

// embeddingsTable is the name under which an operator publishes its embeddings.
const embeddingsTable = "embeddings"

// Embeddings writes an operator's embeddings, a version at a time.
type Embeddings struct {
	table
	every int
}

func newEmbeddings(c EmbeddingsConfig) (*Embeddings, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	const rowGroup = 122_880
	return &Embeddings{every: c.Every, table: table{
		staging: staging{dir: c.Path, prefix: "embeddings", ext: ".parquet", single: true, keep: c.Keep},
		name:    "embeddings", format: parquetFormat("zstd", rowGroup), rowGroup: rowGroup,
	}}, nil
}

// From names the table of an operator.
func (e *Embeddings) From() string { return embeddingsTable }

// Due says whether checkpoint id gets a version.
func (e *Embeddings) Due(id flow.CheckpointID, final bool) bool {
	return final || e.every > 0 && uint64(id)%uint64(e.every) == 0
}

// Bind wants the columns that readers of embeddings rely on; more of them are kept as they are.
func (e *Embeddings) Bind(in *arrow.Schema) error {
	var bad []error
	for _, c := range []struct {
		name, want string
		ok         func(arrow.DataType) bool
	}{
		{"field", "utf8", isType(arrow.STRING)},
		{"value", "utf8", isType(arrow.STRING)},
		{"count", "int64", isType(arrow.INT64)},
		{"gate", "float32", isType(arrow.FLOAT32)},
		{"kept", "bool", isType(arrow.BOOL)},
		{"vector", "fixed_size_list<float32>", isVector},
		{"checkpoint", "int64 or uint64", isType(arrow.INT64, arrow.UINT64)},
	} {
		fs, _ := in.FieldsByName(c.name)
		if len(fs) != 1 {
			bad = append(bad, check.Violation{Want: fmt.Sprintf("one column %q of type %s in the table %q", c.name, c.want, embeddingsTable), Got: fmt.Sprintf("%d", len(fs))})
		} else if !c.ok(fs[0].Type) {
			bad = append(bad, check.Violation{Want: fmt.Sprintf("column %q of type %s", c.name, c.want), Got: fs[0].Type.String()})
		}
	}
	if err := check.All(bad...); err != nil {
		return err
	}
	return e.table.Bind(in)
}

func isType(ids ...arrow.Type) func(arrow.DataType) bool {
	return func(dt arrow.DataType) bool {
		for _, id := range ids {
			if dt.ID() == id {
				return true
			}
		}
		return false
	}
}

func isVector(dt arrow.DataType) bool {
	l, ok := dt.(*arrow.FixedSizeListType)
	return ok && l.Elem().ID() == arrow.FLOAT32
}
