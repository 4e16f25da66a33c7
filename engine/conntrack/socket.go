package conntrack

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a netlink socket: one request, then its answer, piece by piece. Not for concurrent use.
type socket struct {
	fd     int
	serial uint32
	buffer []byte
}

// answerTimeout is how long the kernel may take for one piece of an answer.
const answerTimeout = 10 * time.Second

// receiveSize is enough for what the kernel sends at once (NLMSG_GOODSIZE, at most 32 KiB).
const receiveSize = 64 << 10

func openSocket(protocol int) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, err
	}
	limit := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	err = errors.Join(unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &socket{fd: fd, buffer: make([]byte, receiveSize)}, nil
}

func (s *socket) close() error { return unix.Close(s.fd) }

// send sends a request: the header of its kind and attributes.
func (s *socket) send(kind, flags uint16, header, attributes []byte) error {
	s.serial++
	size := unix.NLMSG_HDRLEN + len(header) + len(attributes)
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint32(b, uint32(size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = binary.NativeEndian.AppendUint32(b, s.serial)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(append(b, header...), attributes...)
	return unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// receive reads one piece of an answer. done tells that it was the last; the error may be the kernel's own.
func (s *socket) receive(visit func(message []byte) error) (done bool, err error) {
	n, _, err := unix.Recvfrom(s.fd, s.buffer, 0)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(s.fd, s.buffer, 0)
	}
	if err != nil {
		return false, err
	}
	for b := s.buffer[:n]; len(b) > 0; {
		if len(b) < unix.NLMSG_HDRLEN {
			return false, errMessage
		}
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return false, errMessage
		}
		body := b[unix.NLMSG_HDRLEN:size]
		switch kind, serial := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint32(b[8:]); {
		case serial != s.serial: // an answer that nobody waits for
		case kind == unix.NLMSG_ERROR:
			if len(body) < 4 {
				return false, errMessage
			}
			if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
				return true, unix.Errno(-code)
			}
			return true, nil
		case kind == unix.NLMSG_DONE:
			return true, nil
		default:
			if err := visit(body); err != nil {
				return false, err
			}
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return false, nil
}
