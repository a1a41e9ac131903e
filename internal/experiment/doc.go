// Package experiment runs the folders under experiments/: each states a claim of a paper, the arms that are
// compared, the figures that are collected and the conditions under which the claim fails. An arm is run once a
// seed; results are cached; the outcome is a table of means with their spread, and a verdict.
//
// An arm is a pipeline file with some settings replaced, or, where YAML cannot say it, a Go program that a package
// beside the folder registers.
package experiment
