package flow

import (
	"context"

	"github.com/sluice-stream/sluice/internal/registry"
)

// Entry declares a plug-in of the record plane; see registry.Entry for its fields.
type Entry[C, T any] = registry.Entry[C, T]

// Settings that a plug-in's struct may hold.
type (
	Choice[T any]  = registry.Choice[T]  // one component of a role: {name: settings}
	Ordered[V any] = registry.Ordered[V] // a map whose order matters
	Secret         = registry.Secret     // never printed
)

// Register adds a plug-in; it is called from init.
func Register[C, T any](role *registry.Role[T], e Entry[C, T]) { registry.Register(role, e) }

// The roles of the record plane.
var (
	Sources   = registry.NewRole[Source]("sources", "Where records come from.")
	Operators = registry.NewRole[Operator]("operators", "What is done to records.")
	Sinks     = registry.NewRole[Sink]("sinks", "Where records go, in two phases.")
	Brokers   = registry.NewRole[Broker]("brokers", "Brokers that run inside the process, for demos and tests.")
)

// Broker is a message broker inside the process; a pipeline's feed fills it.
type Broker interface {
	// Start begins to listen and returns the address.
	Start(ctx context.Context) (addr string, err error)
	// Fill creates the topic and writes every row of src to it; it returns how many.
	Fill(ctx context.Context, feed Feed, src Source) (rows int64, err error)
	Close() error
}

// Feed says what to fill a topic with.
type Feed struct {
	Topic      string         `yaml:"topic" doc:"topic that is created and filled"`
	Partitions int            `yaml:"partitions" doc:"partitions of the topic, >= 1"`
	Format     string         `yaml:"format" doc:"json or arrow_ipc"`
	Key        string         `yaml:"key" doc:"column that becomes the message key and picks the partition; none: round robin"`
	Time       string         `yaml:"time" doc:"timestamp column that becomes the message time; none: one millisecond a row from a fixed date"`
	Generate   Choice[Source] `yaml:"generate" doc:"source of the rows: the click generator, or any other bounded source"`
}

// Defaults is one partition of JSON messages.
func (f *Feed) Defaults() { f.Partitions, f.Format = 1, "json" }
