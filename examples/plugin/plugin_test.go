package plugin

import (
	"context"
	"os"
	"strings"
	"testing"

	_ "github.com/sluice-stream/sluice/arrowio"
	_ "github.com/sluice-stream/sluice/features"
	_ "github.com/sluice-stream/sluice/learn/optim"
	_ "github.com/sluice-stream/sluice/operators"
	"github.com/sluice-stream/sluice/runtime"
	_ "github.com/sluice-stream/sluice/sinks"
)

const pipeline = `
name: foreign
source: {clicks: {rows: 20000}}
operators:
  - sample: {share: 0.5}
  - train:
      label: click
      fields: {categorical: [user, item, city]}
      model: {weighted_sum: {dim: 4}}
      optimizer: {adagrad: {lr: 0.1}}
      batch: 64
sinks: [{parquet: {path: OUT}}]
`

func TestForeignModelAndOperator(t *testing.T) {
	p, err := runtime.Parse("p.yaml", []byte(strings.Replace(pipeline, "OUT", t.TempDir(), 1)), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	res, err := runtime.Run(context.Background(), p, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Rows != 20000 || res.Trained != 10000 {
		t.Errorf("want half of 20000 rows trained, got %d of %d", res.Trained, res.Rows)
	}
	if auc, prior := res.Metrics["auc"], res.Baselines["prior"]["auc"]; auc < prior+0.05 {
		t.Errorf("want a model that learns, got AUC %.4f beside %.4f of the prior", auc, prior)
	}
}

func TestForeignSettingsAreChecked(t *testing.T) {
	_, err := runtime.Parse("p.yaml", []byte("name: x\nsource: clicks\noperators: [{sampel: {}}, {sample: {share: 2}}]"), os.LookupEnv)
	want := `p.yaml:3:14: operators[0]: unknown operator "sampel"; did you mean "sample"?
p.yaml:3:37: sample.share: want 0 to 1, got 2`
	if err == nil || err.Error() != want {
		t.Errorf("want\n%s\ngot\n%v", want, err)
	}
}
