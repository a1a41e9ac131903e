// Package arrowio holds sources and codecs: where records come from and how bytes become columns. A file is a
// source, a codec, or a part that several of them share. It may import flow and internal, and no other room.
//
// # Files
//
// The sources parquet, arrow, csv and jsonl read a list of files, sorted by name, as one stream. They share
// fileSource, which decodes ahead of the reader in a goroutine of its own, slices what was decoded to the size
// that is asked for, and keeps the position (file, row) that a checkpoint saves. A format is what turns one
// file into chunks of rows.
//
// # Columns
//
// Nested JSON objects become dotted columns: {"geo": {"city": "x"}} fills "geo.city". Dictionary-encoded and
// large strings become plain utf8 at the door, so that no operator has to know them. A missing column is null.
package arrowio
