//go:build kafka

package arrowio

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"
)

// TestRealGroupMemberDies is TestGroupMemberDiesAnywhere on a real broker, around the step that decides.
func TestRealGroupMemberDies(t *testing.T) {
	var cases errgroup.Group
	cases.SetLimit(8)
	for name, scene := range groupScenes {
		for dies := beforeDecide; dies <= beforeCommit; dies++ {
			cases.Go(func() error {
				t.Run(fmt.Sprintf("%s, dies at %d", name, dies), func(t *testing.T) {
					addrs, topic := realTopic(t, 3, nil)
					c := groupConfig(addrs, topic)
					c.Group, c.SessionSeconds = topic, 6 // the least that the broker takes
					dieAt(t, c, scene, dies)
				})
				return nil
			})
		}
	}
	cases.Wait()
}
