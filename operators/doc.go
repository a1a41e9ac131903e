// Package operators holds the operators of the record plane: Arrow records in, Arrow records out. A file is an
// operator, named as in YAML. Operators do not import each other, read no files and know no broker; the three
// that host a model (train, score, embed) reach the tensor plane through features and learn only.
//
// Expressions of filter and derive are those of internal/expr.
package operators
