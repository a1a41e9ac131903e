package sim_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/parquet/compress"

	_ "github.com/sluice-stream/sluice/arrowio"
	_ "github.com/sluice-stream/sluice/operators"
	"github.com/sluice-stream/sluice/runtime"
	_ "github.com/sluice-stream/sluice/sinks"
)

// modelPipeline trains the model that embed uses.
const modelPipeline = `
name: model
source: {clicks: {rows: 400}}
operators:
  - train: {label: click, fields: {categorical: [user], numeric: {price: log2floor}}, model: {fm: {dim: 2}}, batch: 50}
sinks:
  - parquet: {path: ROOT/rows}
  - arrow: {path: ROOT/more}
  - embeddings: {path: ROOT/embeddings}
checkpoint: {path: ROOT/checkpoint}
`

var modelDir string

// train runs outside of any bubble and before all of them. It also makes the one Zstandard codec of the process, whose
// channels must not belong to a bubble.
var train = sync.OnceValue(func() error {
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		return err
	}
	codec.Decode(nil, codec.Encode(nil, []byte("once")))
	text := strings.ReplaceAll(modelPipeline, "ROOT", modelDir)
	p, err := runtime.Parse("model.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		return err
	}
	_, err = runtime.Run(context.Background(), p, runtime.Options{})
	return err
})

// trained returns the checkpoint folder of a trained model.
func trained(t *testing.T) string {
	t.Helper()
	if err := train(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(modelDir, "checkpoint")
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sluice-sim")
	if err != nil {
		panic(err)
	}
	modelDir = dir
	debug.SetGCPercent(800) // thousands of short runs, each with megabytes of histograms
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
