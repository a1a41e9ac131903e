// Package plugin shows that a method in a module of its own plugs in exactly as those of Sluice do: a model and an
// operator, declared here, run from YAML beside the built-in ones. A program imports it blank:
//
//	import _ "example.com/sluice-plugin"
package plugin
