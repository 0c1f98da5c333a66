package cursor

import (
	"encoding/json"
	"fmt"
)

// Encode returns c as text, for places that keep a cursor beside an offset.
func Encode(c *Cursor) ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode cursor: %w", err)
	}
	return b, nil
}

// Decode returns the cursor that Encode made text of.
func Decode(text []byte) (*Cursor, error) {
	c := &Cursor{}
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("decode cursor %.200q: %w", text, err)
	}
	return c, nil
}
