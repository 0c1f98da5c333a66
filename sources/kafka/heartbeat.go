package kafka

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go/protocol"
)

// heartbeatCall is a Heartbeat request and its answer, in version 0, which every broker speaks.
//
// Protocol: https://kafka.apache.org/protocol.html#The_Messages_Heartbeat.
type heartbeatCall struct {
	group, member string
	generation    int32
	err           error // the coordinator's
}

// ApiKey implements protocol.Message.
func (c *heartbeatCall) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

// Group implements protocol.GroupMessage: the request goes to the group's coordinator.
func (c *heartbeatCall) Group() string { return c.group }

// Required implements protocol.RawExchanger.
func (c *heartbeatCall) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (c *heartbeatCall) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := appendString(nil, c.group)
	b = binary.BigEndian.AppendUint32(b, uint32(c.generation))
	b, err := exchange(rw, nil, protocol.Heartbeat, 0, appendString(b, c.member))
	if err != nil {
		return nil, err
	}
	f := fields{b: b}
	if c.err = failure(f.int16()); f.short {
		return nil, fmt.Errorf("%w: it is cut", errAnswer)
	}
	return c, nil
}
