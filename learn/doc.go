// Package learn is the contract of the tensor plane: parameters, batches, the roles of methods, the training
// step and its measurement. A method file sees this package and the tape; it never sees Arrow, Kafka or YAML.
//
// Shapes: B rows, F fields, D embedding dimensions, U distinct table rows touched by a batch.
package learn
