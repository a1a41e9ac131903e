package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/runtime"
)

// drilled is one sink of the pipeline, in every run's own folder, or on a topic of its own for every run.
type drilled struct {
	sub    string // folder below that of the run
	rows   bool   // it takes the row stream or the dead letters; else a table of an operator
	dead   bool   // it takes the dead letters
	topic  string // of the user, for a sink that writes to Kafka; else ""
	format string // of its messages
	parts  int    // partitions of the topic
}

// redirect checks that every output can be moved, into a folder or to a topic, and finds out where each will lie.
// Sinks that write to another system are left out, and the report says so.
func (d *drill) redirect(ctx context.Context) error {
	p := d.pipeline
	if p.Checkpoint == nil {
		return flow.Configf("%s: want a pipeline with `checkpoint`, got one without: it starts over after every fault, so there is nothing to drill", d.options.file)
	}
	var kept []flow.Choice[flow.Sink]
	for i, s := range p.Sinks {
		one, ok, err := d.moved(ctx, s, fmt.Sprintf("out/%d-%s", i, s.Name()))
		if err != nil {
			return err
		}
		if !ok {
			d.note("the sink %s is left out: it writes to another system", s.Name())
			continue
		}
		kept, d.sinks = append(kept, s), append(d.sinks, one)
	}
	p.Sinks = kept
	if p.DeadLetter.IsZero() {
		return nil
	}
	one, ok, err := d.moved(ctx, p.DeadLetter, "out/rejected")
	if err == nil && !ok {
		err = flow.Configf("%s: want a dead_letter with a path, got %s, which writes to another system; drill a copy of the file that has one", d.options.file, p.DeadLetter.Name())
	}
	one.dead, one.rows = true, true
	d.sinks = append(d.sinks, one)
	return err
}

// moved says where a sink will write to.
func (d *drill) moved(ctx context.Context, c flow.Choice[flow.Sink], sub string) (drilled, bool, error) {
	out := drilled{sub: sub, rows: streams(c)}
	if hasText(c.Settings(), "path") {
		return out, true, nil
	}
	if !hasText(c.Settings(), "topic") || !hasText(c.Settings(), "spool") {
		return out, false, nil
	}
	out.topic, out.format = getSetting[string](c.Settings(), "topic"), getSetting[string](c.Settings(), "format")
	err := d.where()
	if err == nil {
		out.parts = partitionsOf(ctx, clusterOf(c.Settings()), out.topic)
	}
	return out, true, err
}

// streams says whether a sink takes the rows of the stream.
func streams(c flow.Choice[flow.Sink]) bool {
	s, err := c.Build()
	if err != nil {
		return true
	}
	sub, ok := s.(flow.Subscriber)
	return !ok || sub.From() == ""
}

// Barriers of the runs: so many that a fault can fall before, between and behind them.
const (
	leastCheckpoints = 10
	drillCheckpoints = 20
)

// barriers makes checkpoints as frequent as a drill wants them; barriers by time become barriers by rows, so that
// two runs can be compared to the bit.
func (d *drill) barriers() {
	c := d.pipeline.Checkpoint
	if most := max(d.report.Rows/leastCheckpoints, 1); c.Every.Rows == 0 || c.Every.Rows > most {
		c.Every.Rows = max(d.report.Rows/drillCheckpoints, 1)
	}
	if c.Every.Seconds > 0 {
		c.Every.Seconds = 0
		d.note("barriers by seconds are barriers by rows here: only those fall at the same place in every run")
	}
	c.Keep = max(c.Keep, 2)
}

// write puts the pipeline into the folder of the trial, with every output in it or on topics of its own.
func (r *trialRun) write(ctx context.Context, every runtime.Every) error {
	p := *r.pipeline
	c := *p.Checkpoint
	c.Path, c.Every = filepath.Join(r.dir, "checkpoint"), every
	p.Checkpoint = &c
	choices := slices.Clone(p.Sinks)
	if !p.DeadLetter.IsZero() {
		choices = append(choices, p.DeadLetter)
	}
	r.outTopics = make([]string, len(choices))
	for i, choice := range choices {
		if err := r.place(ctx, i, choice.Settings()); err != nil {
			return err
		}
	}
	text, err := config.Canonical(&p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return flow.Disk("cannot make", r.dir, err)
	}
	r.file = filepath.Join(r.dir, "pipeline.yaml")
	return os.WriteFile(r.file, append(text, '\n'), 0o644)
}

// place points sink i at its folder or at a new topic.
func (r *trialRun) place(ctx context.Context, i int, settings any) (err error) {
	s := r.sinks[i]
	if s.topic == "" {
		setSetting(settings, "path", filepath.Join(r.dir, s.sub))
		return nil
	}
	name := fmt.Sprintf("%s-%s-%d", s.topic, filepath.Base(r.dir), len(r.topics))
	if r.outTopics[i], err = r.makeTopic(ctx, name, s.parts); err != nil {
		return err
	}
	setSetting(settings, "topic", r.outTopics[i])
	setSetting(settings, "spool", filepath.Join(r.dir, s.sub))
	setSetting(settings, "transactional_id", "")
	r.onOwn(settings)
	return nil
}

// settingField is the field of a settings struct behind a key, with those of inlined structs.
func settingField(v reflect.Value, key string) (reflect.Value, bool) {
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}, false
	}
	for i := range v.NumField() {
		tag, opts, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if tag == key {
			return v.Field(i), true
		}
		if opts == "inline" {
			if f, ok := settingField(v.Field(i), key); ok {
				return f, true
			}
		}
	}
	return reflect.Value{}, false
}

func hasText(settings any, key string) bool {
	f, ok := settingField(reflect.ValueOf(settings), key)
	return ok && f.Kind() == reflect.String
}

// setSetting sets key where the component has a setting of that name and type.
func setSetting[T any](settings any, key string, value T) {
	f, ok := settingField(reflect.ValueOf(settings), key)
	if ok && reflect.TypeFor[T]().AssignableTo(f.Type()) {
		f.Set(reflect.ValueOf(value))
	}
}

// getSetting returns the setting key, the zero value where the component has none of that name and type.
func getSetting[T any](settings any, key string) (value T) {
	if f, ok := settingField(reflect.ValueOf(settings), key); ok {
		value, _ = f.Interface().(T)
	}
	return value
}
