package arrowio

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sluice-stream/sluice/flow"
)

func fakeAdmin(t *testing.T, addrs []string) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func TestKafkaLiveReadsAddedPartitions(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	c.Until = ""
	k := openKafka(t, kafkaEnv(t, nil), c, nil)
	equalRows(t, pollRows(t, k, 10), numbers(0, 10))
	if res, err := fakeAdmin(t, addrs).CreatePartitions(t.Context(), 1, "x"); errors.Join(err, res.Error()) != nil {
		t.Fatal(err, res.Error())
	}
	sendAll(t, addrs, nil, numbered("x", 1, 70), numbered("x", 1, 71))
	equalRows(t, pollRows(t, k, 2), []string{"70 1 0", "71 1 1"})
	again := openKafka(t, kafkaEnv(t, nil), c, keepState(k))
	sendAll(t, addrs, nil, numbered("x", 1, 72))
	equalRows(t, pollRows(t, again, 1), []string{"72 1 2"})
}

func TestKafkaRefusesTopicMadeAnew(t *testing.T) {
	_, addrs := fakeKafka(t, kfake.SeedTopics(1, "x"))
	sendAll(t, addrs, nil, numberedUpTo("x", 10)...)
	c := kafkaConfig(addrs, "x")
	first := openKafka(t, kafkaEnv(t, nil), c, nil)
	pollRows(t, first, 3)
	adm := fakeAdmin(t, addrs)
	if _, err := adm.DeleteTopic(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, "x"); err != nil {
		t.Fatal(err)
	}
	sendAll(t, addrs, nil, numberedUpTo("x", 50)...)
	k, err := NewKafka(c)
	if err != nil {
		t.Fatal(err)
	}
	keepState(first).restore(t, k)
	err = k.Open(t.Context(), kafkaEnv(t, nil))
	if !errors.Is(err, flow.ErrConfig) || !strings.Contains(err.Error(), "made anew") {
		t.Fatalf("want ErrConfig that says made anew, got %v", err)
	}
}

func TestTopicIDText(t *testing.T) {
	id := topicID{1, 2, 0xff}
	if got, err := parseTopicID(id.String()); err != nil || got != id {
		t.Fatalf("want %v, got %v, %v", id, got, err)
	}
	if got, err := parseTopicID(""); err != nil || got != (topicID{}) {
		t.Fatalf("want no id, got %v, %v", got, err)
	}
	for _, bad := range []string{"zz", "0102"} {
		if _, err := parseTopicID(bad); !errors.Is(err, flow.ErrCorrupt) {
			t.Errorf("%q: want ErrCorrupt, got %v", bad, err)
		}
	}
}
