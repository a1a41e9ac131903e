// Package payload turns rows of Arrow records into the payloads of messages: a JSON object a row, or an Arrow IPC
// stream for many rows. The embedded broker and the Kafka sink write with it; it knows no broker.
package payload
