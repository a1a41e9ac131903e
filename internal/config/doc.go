// Package config reads YAML into settings structs, once, with every violation of the file in one error.
//
// Each component is a one-key map {name: settings}; registry.Choice settings say of which role. Structs declare
// their keys with `yaml:"name"`, defaults are the values that stand in the struct before, a Validate method
// states what is accepted. ${NAME} and ${NAME:-default} stand for environment variables.
package config
