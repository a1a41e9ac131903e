package arrowio

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
)

// Values of assign. The zero value means all.
const (
	assignAll    = "all"
	assignGroup  = "group"
	assignStatic = "static"
)

// shared says that the members of a consumer group share the partitions.
func (c KafkaConfig) shared() bool { return c.Assign == assignGroup }

// Shares says whether the members of a group share the partitions.
func (k *Kafka) Shares() bool { return k.cfg.shared() }

// checkAssign checks what says which partitions are read.
func (c KafkaConfig) checkAssign() error {
	checks := []error{
		check.OneOf("assign", cmp.Or(c.Assign, assignAll), assignAll, assignGroup, assignStatic),
		check.That(c.Assign == assignStatic || len(c.Partitions) == 0, "partitions", "assign: static beside them, or none", fmt.Sprint(c.Partitions)),
		check.That(c.Assign != assignStatic || len(c.Partitions) > 0, "partitions", "at least one beside assign: static", "none"),
		check.That(c.shared() || c.Member == "", "member", "assign: group beside it, or none", c.Member),
	}
	for i, p := range c.Partitions {
		checks = append(checks, check.Between("partitions", p, 0, 1<<31-1),
			check.That(!slices.Contains(c.Partitions[:i], p), "partitions", "each partition once", p))
	}
	if c.shared() {
		checks = append(checks, c.checkGroup()...)
	}
	return check.All(checks...)
}

// checkGroup checks what a member of a group needs.
func (c KafkaConfig) checkGroup() []error {
	return []error{
		check.That(c.Group != "", "group", "the group that shares the partitions, beside assign: group", "nothing"),
		check.That(c.Until == "", "until", "none beside assign: group, as the share of a member changes while it runs", c.Until),
		check.That(c.Merge != mergeTimestamp, "merge", "none beside assign: group, as no member has all partitions", c.Merge),
		check.That(c.Start != startCommitted, "start", "earliest, latest or a time beside assign: group, for partitions without a committed offset; all others go on from it", c.Start),
		check.That(!slices.Contains(c.Brokers, flow.EmbeddedBroker), "brokers", "brokers that outlive this process beside assign: group", flow.EmbeddedBroker),
		check.Between("session_seconds", c.SessionSeconds, 1, 1800),
	}
}

// chosen returns the partitions to read out of those of the topic.
func (k *Kafka) chosen(ids []int32) ([]int32, error) {
	if k.cfg.Assign != assignStatic {
		return ids, nil
	}
	var out []int32
	for _, p := range k.cfg.Partitions {
		if !slices.Contains(ids, int32(p)) {
			return nil, flow.Classify(flow.ErrConfig, check.All(check.Violation{
				Key: "partitions", Want: fmt.Sprintf("partitions of topic %q, 0 to %d", k.cfg.Topic, len(ids)-1), Got: fmt.Sprint(p)}))
		}
		out = append(out, int32(p))
	}
	slices.Sort(out)
	return out, nil
}
