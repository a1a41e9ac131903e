// Package nn holds layers that methods of several rooms share. A layer is made with its sizes, a name for its
// parameters and a seed; equal seeds give equal first values.
package nn
