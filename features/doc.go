// Package features turns rows of categories into a logit and back into something to read: how columns become
// table rows (encoders, vocabularies, bucketizers), the tables and the gates over them, the backbones, and CTR,
// which puts them together and trains them, by batches, by rows or in epochs (Fit).
//
// A file is a plug-in of one role, or part of one of the three mechanisms:
//
//	models       lr fm deepfm dcn
//	gates        optfs
//	bucketizers  log2floor quantile
//	Encoder      columns of records -> learn.Batch
//	CTR          learn.Batch -> probabilities and updates
//	Fit          a set in memory -> epochs, validation, search and retraining
//
// Table rows are numbered over all fields: the fields' rows for unknown values first, then values in order of
// first appearance, so tables only ever grow at the end. Shapes: B rows, F fields, D embedding width, N values of a
// batch, U distinct ones.
package features
