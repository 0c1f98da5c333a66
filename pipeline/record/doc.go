// Package record holds Record, what a parser makes of one line, and the tables that name its parts: Field (the Elastic
// Common Schema names users write in configs) and Reason (why a line or record was not counted).
//
// It is a leaf: it imports nothing of this module, so that parsers, filters, windows and record sinks can share it.
package record
