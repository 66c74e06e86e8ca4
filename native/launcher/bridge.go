package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Bridge carries connections made to a loopback port to the egress proxy's unix socket.
// Owner: the supervisor. Boundary: a listener, on the machine's loopback or handed out of a network namespace.
//  1. On the machine's own loopback only connections the supervisor made for the program are carried; another
//     local process that finds the port is hung up on.
type Bridge struct {
	listener net.Listener
	target   string
	port     int
	ours     *sync.Map
}

// listenHere opens the bridge on the machine's loopback.
func listenHere(target string) (*Bridge, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("egress bridge: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return &Bridge{listener: listener, target: target, port: port, ours: &sync.Map{}}, nil
}

// adopt makes a bridge of a listening socket received from inside a network namespace.
func adopt(fd int, target string) (*Bridge, error) {
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return &Bridge{listener: listener, target: target, port: proxyPort}, nil
}

func (b *Bridge) serve() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.carry(conn)
	}
}

// connectFrom connects the program's socket to the bridge and remembers the port it comes from.
func (b *Bridge) connectFrom(socket int) unix.Errno {
	local, err := unix.Getsockname(socket)
	if err != nil {
		return asErrno(err)
	}
	address, isInet4 := local.(*unix.SockaddrInet4)
	if !isInet4 {
		return unix.EACCES
	}
	if address.Port == 0 {
		if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			return asErrno(err)
		}
		if local, err = unix.Getsockname(socket); err != nil {
			return asErrno(err)
		}
		address = local.(*unix.SockaddrInet4)
	}
	b.ours.Store(address.Port, true)
	return asErrno(unix.Connect(socket, &unix.SockaddrInet4{Port: b.port, Addr: [4]byte{127, 0, 0, 1}}))
}

func (b *Bridge) carry(conn net.Conn) {
	defer conn.Close()
	if b.ours != nil {
		if _, known := b.ours.LoadAndDelete(conn.RemoteAddr().(*net.TCPAddr).Port); !known {
			return
		}
	}
	proxy, err := net.Dial("unix", b.target)
	if err != nil {
		return
	}
	defer proxy.Close()
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(proxy, conn)
		_ = proxy.(*net.UnixConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(conn, proxy)
	_ = conn.(*net.TCPConn).CloseWrite()
	<-done
}
