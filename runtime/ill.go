package runtime

import (
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// ill reports combinations of components that could not keep what the parts promise.
func (g *graph) ill() (errs []error) {
	bad := func(where func(error) error, want, got, hint string) {
		errs = append(errs, where(check.Violation{Want: want, Got: got, Hint: hint}))
	}
	source := g.Source.Locate
	_, stateful := g.source.(flow.Stateful)
	if g.Checkpoint != nil && !stateful {
		bad(source, "a source that can go on where it was, as there are checkpoints", "one that cannot", "remove checkpoint")
	}
	endless := false
	if b, ok := g.source.(flow.Bounded); ok {
		endless = !b.Bounded()
	}
	if s, ok := g.source.(flow.Sharer); ok && s.Shares() && g.Checkpoint == nil {
		bad(source, "checkpoints, as this input is shared with others and given up at checkpoints", "none", "add checkpoint: {path: out/checkpoint, every: {seconds: 10}}")
	} else if endless && g.Checkpoint == nil && len(g.outlets) > 0 {
		bad(source, "checkpoints, as this input has no end and sinks commit at checkpoints", "none", "add checkpoint: {path: out/checkpoint}")
	}
	if g.replay != nil {
		errs = append(errs, g.illReplay(endless)...)
	}
	for i, o := range g.outlets {
		if topic := sharedTopic(g.source, o.sink); topic != "" {
			bad(g.Sinks[i].Locate, "another topic than the source reads", topic, "the pipeline would read what it writes, for ever")
		}
	}
	if topic := sharedTopic(g.source, g.dead); topic != "" {
		bad(g.DeadLetter.Locate, "another topic than the source reads", topic, "the pipeline would read what it rejects, for ever")
	}
	if s, ok := g.dead.(flow.Subscriber); ok && s.From() != "" {
		bad(g.DeadLetter.Locate, "rejected rows only", "from: "+s.From(), "remove from")
	}
	return errs
}

// illReplay reports what cannot stand beside an operator that wants the input several times.
func (g *graph) illReplay(endless bool) (errs []error) {
	if _, ok := g.source.(flow.Rewinder); !ok || endless {
		errs = append(errs, g.Source.Locate(check.Violation{
			Want: "an input that ends and can be read again, as " + g.Operators[g.last].Name() + " reads it in epochs", Got: "one that is not",
			Hint: "for Kafka set until: end; else train without epochs"}))
	}
	for i, s := range g.stages[:g.last] {
		_, stateful := s.op.(flow.Stateful)
		if _, knows := s.op.(flow.Repeatable); stateful && !knows {
			errs = append(errs, g.Operators[i].Locate(check.Violation{
				Want: "an operator that can see every row several times, as a later one reads in epochs", Got: "one that keeps state",
				Hint: "move it behind " + g.Operators[g.last].Name()}))
		}
	}
	return errs
}

// sharedTopic is the topic that both a source and a sink use, "" for none.
func sharedTopic(source flow.Source, sink any) string {
	out, ok := sink.(flow.Channel)
	if !ok {
		return ""
	}
	to, other := out.Channel()
	for _, s := range inputs(source) {
		in, ok := s.(flow.Channel)
		if !ok {
			continue
		}
		from, topic := in.Channel()
		if topic == other && slices.ContainsFunc(from, func(b string) bool { return slices.Contains(to, b) }) {
			return topic
		}
	}
	return ""
}
