// Package jsonlog reads the JSON access logs of gateways whose keys are known: one object a line, in one pass, by a table for
// each format that says where a key's value goes.
//
// To add a format: a schema (a file of its own, or beside its kin), a line in the table of schemas.go with what tells its
// lines apart, lines with their right reading in parsers/testdata, a page in docs/formats. A row of a schema is a path of
// keys, a field and, where the field alone does not say it, how the value is written. Of several rows for one field the first
// whose key has a value fills it, in whatever order the keys come. What rows cannot say, that a time is the difference of two
// others for example, is left to the schema's finish.
//
// A schema (schema.go) is compiled into a tree of keys (tree.go), which the parser walks along with the line (parser.go); what it
// finds is read by value.go and special.go. detect.go has a tree of its own, of the keys that tell formats apart.
//
// The rules for all: a value that is missing, null, empty, `-` or, for a number, negative is absent. A value that is not what
// its key says is left aside, unless it is the line's only time or a number out of range. Of an object's keys that repeat the
// first counts. Text is never longer than the line.
package jsonlog
