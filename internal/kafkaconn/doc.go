// Package kafkaconn makes connections to Kafka brokers, in the open or with TLS, with or without a login. The
// source and the sink share its settings, so that one block of YAML secures both. It knows no topic and no row.
//
// An error for which the settings are to blame is a check.Violation whose key is a key of Security; repeating does
// not help. Any other error may pass. No error and no log line holds a password.
package kafkaconn
