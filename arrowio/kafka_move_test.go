package arrowio

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaFollowsLeaders moves every partition to another broker while it is read.
func TestKafkaFollowsLeaders(t *testing.T) {
	cl, addrs := fakeKafka(t, kfake.NumBrokers(3), kfake.SeedTopics(4, "x"))
	var recs []*kgo.Record
	for n := range 8000 {
		recs = append(recs, numbered("x", int32(n%4), n))
	}
	sendAll(t, addrs, []kgo.Opt{kgo.ProducerBatchMaxBytes(2048)}, recs...)
	c := kafkaConfig(addrs, "x")
	c.MaxBytes, c.RetrySeconds = 8192, 20
	still := pollAll(t, openKafka(t, kafkaEnv(t, nil), c, nil), 1000)
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	got := pollRows(t, k, 500)
	for p := range int32(4) {
		if err := cl.MoveTopicPartition("x", p, (cl.LeaderFor("x", p)+1)%3); err != nil {
			t.Fatal(err)
		}
	}
	equalRows(t, append(got, pollAll(t, k, 1000)...), still)
	if len(still) != 8000 {
		t.Fatalf("want 8000 rows, got %d", len(still))
	}
}
