// Package neighbours reads embeddings that a run has written and finds the nearest ones, exactly: every vector
// of the field is compared. It serves questions asked by hand; a million vectors of 16 take some milliseconds.
package neighbours
