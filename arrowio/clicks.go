package arrowio

import (
	"context"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

func init() {
	flow.Register(flow.Sources, flow.Entry[ClicksConfig, flow.Source]{
		Name:    "clicks",
		Summary: "Generates clicks whose truth is known: few of the users, items and cities matter, the rest is noise.",
		Example: "{rows: 1000}",
		Default: ClicksConfig{Rows: 200_000, Users: 2000, Items: 500, Cities: 50, Informative: 0.2, Positives: 0.22},
		Build:   func(c ClicksConfig) (flow.Source, error) { return NewClicks(c) },
	})
}

// ClicksConfig are the settings of the click generator.
type ClicksConfig struct {
	Rows        int     `yaml:"rows" doc:"rows to generate, >= 0"`
	Users       int     `yaml:"users" doc:"distinct users, 1 to 10 million"`
	Items       int     `yaml:"items" doc:"distinct items, 1 to 10 million"`
	Cities      int     `yaml:"cities" doc:"distinct cities, 1 to 10 million"`
	Informative float64 `yaml:"informative" doc:"share of the users, items and cities that has an effect, 0 to 1"`
	Positives   float64 `yaml:"positives" doc:"share of rows with a click, 0.01 to 0.99"`
	Seed        uint64  `yaml:"seed" doc:"of the truth and the rows; 0: the pipeline's"`
}

// Validate checks the ranges.
func (c ClicksConfig) Validate() error {
	const most = 10_000_000
	return check.All(
		check.NotNegative("rows", c.Rows),
		check.Between("users", c.Users, 1, most),
		check.Between("items", c.Items, 1, most),
		check.Between("cities", c.Cities, 1, most),
		check.Between("informative", c.Informative, 0, 1),
		check.Between("positives", c.Positives, 0.01, 0.99),
	)
}

var clicksSchema = arrow.NewSchema([]arrow.Field{
	{Name: "user", Type: arrow.BinaryTypes.String},
	{Name: "item", Type: arrow.BinaryTypes.String},
	{Name: "city", Type: arrow.BinaryTypes.String},
	{Name: "price", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_ms},
	{Name: "click", Type: arrow.PrimitiveTypes.Int8},
}, nil)

// Clicks generates rows that depend on nothing but the seed and the row's number.
//
//	user, item, city  utf8, popular ones more often (about 1/rank)
//	price             float64, log-normal, 5 % null; has no effect
//	at                timestamp[ms], from 2026-01-01 on, one row in 13 seconds on average, ascending
//	click             int8, 0 or 1
type Clicks struct {
	cfg   ClicksConfig
	truth *ClicksTruth
	alloc memory.Allocator
	row   int64
}

// NewClicks checks the settings.
func NewClicks(c ClicksConfig) (*Clicks, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Clicks{cfg: c}, nil
}

// Open draws the truth.
func (c *Clicks) Open(_ context.Context, env flow.Env) error {
	c.alloc, c.truth = env.Alloc, NewClicksTruth(c.cfg, env.Seed)
	return nil
}

// Rows returns how many rows there are in all.
func (c *Clicks) Rows() int64 { return int64(c.cfg.Rows) }

// Truth returns what the rows are drawn from, nil before Open.
func (c *Clicks) Truth() *ClicksTruth { return c.truth }

// Schema returns the columns listed at Clicks.
func (c *Clicks) Schema() *arrow.Schema { return clicksSchema }

// Next generates up to most rows.
func (c *Clicks) Next(ctx context.Context, most int) (arrow.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := min(int64(most), int64(c.cfg.Rows)-c.row)
	if n <= 0 {
		return nil, io.EOF
	}
	b := array.NewRecordBuilder(c.alloc, clicksSchema)
	defer b.Release()
	b.Reserve(int(n))
	var (
		user, item, city = b.Field(0).(*array.StringBuilder), b.Field(1).(*array.StringBuilder), b.Field(2).(*array.StringBuilder)
		price            = b.Field(3).(*array.Float64Builder)
		at               = b.Field(4).(*array.TimestampBuilder)
		click            = b.Field(5).(*array.Int8Builder)
	)
	for end := c.row + n; c.row < end; c.row++ {
		r := c.truth.draw(c.row)
		user.Append(c.truth.user.names[r.user])
		item.Append(c.truth.item.names[r.item])
		city.Append(c.truth.city.names[r.city])
		if math.IsNaN(r.price) {
			price.AppendNull()
		} else {
			price.Append(r.price)
		}
		at.Append(arrow.Timestamp(r.ms))
		click.Append(r.click)
	}
	return b.NewRecord(), nil
}

// Walk saves the row number: all else follows from the settings.
func (c *Clicks) Walk(v flow.Visitor) {
	v.Visit("row", &c.row)
	if v.Restoring() && (c.row < 0 || c.row > int64(c.cfg.Rows)) {
		v.Fail(flow.Configf("clicks: the checkpoint stands at row %d, want 0 to %d; start over with --fresh, or set rows as it was", c.row, c.cfg.Rows))
	}
}

// Rewind starts at the first row again.
func (c *Clicks) Rewind(context.Context) error {
	c.row = 0
	return nil
}

// Close has nothing to free.
func (c *Clicks) Close() error { return nil }
