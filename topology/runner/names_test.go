package runner_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
)

// testHost is a name that only these tests resolve.
const testHost = "kafka.test"

// nameServer answers that each name is this machine's, unless it is away.
type nameServer struct{ away atomic.Bool }

// testNames is asked by all that these tests do; TestMain sees to it.
var testNames nameServer

// resolver asks the server in place of the system's.
func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go s.serve(server)
		return client, nil
	}}
}

// serve answers queries as over TCP, each with its length before it.
func (s *nameServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := s.answer(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

const (
	headerBytes    = 12
	addressOfHost  = 1
	serverFailure  = 2
	loopbackRecord = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01"
)

// answer answers a query of one question.
func (s *nameServer) answer(query []byte) []byte {
	end := headerBytes
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 1 + 2 + 2 // the root, type and class
	answer := append([]byte(nil), query[:end]...)
	answer[2], answer[3] = 0x81, 0x80 // a response, recursion desired and available
	clear(answer[6:headerBytes])
	switch {
	case s.away.Load():
		answer[3] |= serverFailure
	case binary.BigEndian.Uint16(query[end-4:]) == addressOfHost:
		answer[7] = 1
		answer = append(answer, loopbackRecord...)
	}
	return answer
}
