package record

// Reason is why a line or a record is not counted in a window. The list is fixed: a reason becomes a metric's label.
type Reason uint8

// The reasons. Those from Truncated to NoTime are the malformed ones: the line was no record of its format.
const (
	None     Reason = iota
	Blank           // nothing but white space, or a line that is no record and no fault: a header, a gateway's log of itself
	Oversize        // longer than max_line

	Truncated     // the line ended inside a field or before the format did
	Unexpected    // a byte other than the one the format has there
	BadTime       // a time that is none, or out of range
	BadNumber     // a number that is none, or out of range
	BadJSON       // not JSON, or not an object
	TooDeep       // JSON nested deeper than any gateway writes it
	NoTime        // the record has no time
	UnknownFormat // no format known to `auto` reads it

	Filtered  // left out of the metrics by a filter of the config
	Future    // further ahead of the clock than max_future
	Late      // its window was final by its own partition's watermark
	AfterIdle // its window was made final while its partition was silent, or before its file appeared

	NumReasons
)

var reasonNames = [NumReasons]string{
	None: "none", Blank: "blank", Oversize: "oversize",
	Truncated: "truncated", Unexpected: "unexpected", BadTime: "bad_time", BadNumber: "bad_number", BadJSON: "bad_json",
	TooDeep: "too_deep", NoTime: "no_time", UnknownFormat: "unknown_format",
	Filtered: "filtered", Future: "future", Late: "late", AfterIdle: "after_idle",
}

// String returns the reason's name as metrics and `explain` print it.
func (r Reason) String() string { return reasonNames[r] }

// Malformed reports whether r says that the line is no record of its format.
func (r Reason) Malformed() bool { return r >= Truncated && r <= UnknownFormat }
