package arrowio

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-stream/sluice/check"
	"github.com/sluice-stream/sluice/flow"
	"github.com/sluice-stream/sluice/internal/kafkaconn"
)

// connect makes a client for the brokers of the settings. It reads the files that the settings name; the first
// request makes the first connection.
func (k *Kafka) connect(env flow.Env) (*kafkaClient, error) {
	brokers, err := k.brokers(env)
	if err != nil {
		return nil, err
	}
	security := k.cfg.Security
	if k.embedded() { // inside the process: a pipeline is tried without what protects its real brokers
		security = kafkaconn.Security{}
	}
	dialer, err := security.Dialer(env.Log)
	if err != nil {
		return nil, refused(err)
	}
	c := newKafkaClient(brokers, k.cfg.Topic, time.Duration(k.cfg.RetrySeconds)*time.Second)
	c.brokers, c.dialer = brokers, dialer.Through(env.Dial)
	return c, nil
}

// blame returns the error of class ErrConfig that is behind err, a request that failed, or err itself.
func (c *kafkaClient) blame(ctx context.Context, err error, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return refused(c.dialer.Explain(ctx, c.brokers, err))
}

// refused gives an error of a connection its class: where the settings are to blame, repeating does not help.
func refused(err error) error {
	var v check.Violation
	if errors.As(err, &v) {
		return flow.Classify(flow.ErrConfig, v)
	}
	return err
}
