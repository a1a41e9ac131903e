// Package eval measures predictions of a binary label: exactly on finite sets, and in fixed memory on streams
// in which every row is predicted before it is learned (prequential), beside baselines that need no model.
//
// Words: y is the label, 0 or 1; p the predicted probability of 1. Logarithms are natural, losses are in nats.
// Every measure clips p to [1e-7, 1-1e-7] first.
package eval
