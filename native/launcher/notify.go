package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

type timeUnit int

const (
	nanoseconds timeUnit = iota
	microseconds
	seconds
)

// metadataCall tells which argument of a system call is what; -1: it has none.
type metadataCall struct {
	dir, path, mode, flags, times int
	unit                          timeUnit
}

type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

const notifIDValid = 0x40082102

// Proxy makes held system calls itself, on copies of their arguments, so that the program cannot change them
// after the check. Owner: the supervisor. Boundary: the descriptor of the filter.
//  1. A file is opened once, by O_PATH; what is checked is what is changed.
//  2. Only what lies in a writable mount is changed; set-uid and set-gid bits of files are never set.
//  3. A connection goes to the bridge's address and nowhere else.
type Proxy struct {
	listener int
	writable []string
	bridge   *Bridge
	uid, gid int
}

// serve answers until the program is gone. It runs on a thread of its own with the program's identity.
func (p *Proxy) serve() {
	if p.uid >= 0 {
		if err := becomeOnThread(p.uid, p.gid); err != nil {
			fmt.Fprintln(os.Stderr, "sandbox:", err)
			return
		}
	}
	for {
		var request notification
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&request))); errno != 0 {
			if errno == unix.EINTR || errno == unix.ENOENT {
				continue
			}
			return
		}
		answer := response{id: request.id}
		if errno := p.handle(&request); errno != 0 {
			answer.errno = -int32(errno)
		}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(p.listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
}

func (p *Proxy) handle(request *notification) unix.Errno {
	if request.nr == unix.SYS_CONNECT {
		return p.connect(request)
	}
	call, known := metadataCalls[int(request.nr)]
	if !known {
		return unix.EPERM
	}
	return p.changeMetadata(request, call)
}

func (p *Proxy) valid(request *notification) bool {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.listener), notifIDValid, uintptr(unsafe.Pointer(&request.id)))
	return errno == 0
}

func (p *Proxy) connect(request *notification) unix.Errno {
	if p.bridge == nil {
		return unix.EPERM
	}
	length := request.args[2]
	if length < unix.SizeofSockaddrInet4 || length > 128 {
		return unix.EACCES
	}
	address := make([]byte, length)
	if errno := readMemory(request.pid, request.args[1], address); errno != 0 {
		return errno
	}
	if binary.LittleEndian.Uint16(address) != unix.AF_INET {
		return unix.EACCES
	}
	port := int(binary.BigEndian.Uint16(address[2:]))
	if port != p.bridge.port || !net.IP(address[4:8]).Equal(net.IPv4(127, 0, 0, 1)) {
		return unix.EACCES
	}
	leader, err := threadGroup(request.pid)
	if err != nil {
		return unix.ESRCH
	}
	pidfd, err := unix.PidfdOpen(leader, 0)
	if err != nil {
		return unix.EPERM
	}
	defer unix.Close(pidfd)
	socket, err := unix.PidfdGetfd(pidfd, int(request.args[0]), 0)
	if err != nil {
		return unix.EBADF
	}
	defer unix.Close(socket)
	if !p.valid(request) {
		return unix.EINTR
	}
	return p.bridge.connectFrom(socket)
}

func (p *Proxy) changeMetadata(request *notification, call metadataCall) unix.Errno {
	fd, errno := p.open(request, call)
	if errno != 0 {
		return errno
	}
	defer unix.Close(fd)
	link := "/proc/self/fd/" + strconv.Itoa(fd)
	real, err := os.Readlink(link)
	if err != nil {
		return unix.EPERM
	}
	if !p.isWritable(real) {
		return unix.EROFS
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return unix.EPERM
	}
	kind := stat.Mode & unix.S_IFMT
	if kind == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	times, errno := readTimes(request, call)
	if errno != 0 {
		return errno
	}
	if !p.valid(request) {
		return unix.EINTR
	}
	if call.mode >= 0 {
		mode := uint32(request.args[call.mode]) & 0o7777
		if mode&unix.S_ISUID != 0 || (mode&unix.S_ISGID != 0 && kind != unix.S_IFDIR) {
			return unix.EPERM
		}
		return asErrno(unix.Fchmodat(unix.AT_FDCWD, link, mode, 0))
	}
	if times == nil {
		return asErrno(unix.UtimesNanoAt(unix.AT_FDCWD, link, []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}, 0))
	}
	return asErrno(unix.UtimesNanoAt(unix.AT_FDCWD, link, times, 0))
}

// open finds the file a call names, as the program would, without following links of /proc.
func (p *Proxy) open(request *notification, call metadataCall) (int, unix.Errno) {
	proc := fmt.Sprintf("/proc/%d/", request.pid)
	base := proc + "cwd"
	if call.dir >= 0 && int32(request.args[call.dir]) != unix.AT_FDCWD {
		base = proc + "fd/" + strconv.Itoa(int(int32(request.args[call.dir])))
	}
	flags := uint64(0)
	if call.flags >= 0 {
		flags = request.args[call.flags]
	}
	path := ""
	if call.path >= 0 && request.args[call.path] != 0 {
		text, errno := readString(request.pid, request.args[call.path])
		if errno != 0 {
			return -1, errno
		}
		path = text
		if path == "" && flags&unix.AT_EMPTY_PATH == 0 {
			return -1, unix.ENOENT
		}
	}
	if path == "" {
		fd, err := unix.Open(base, unix.O_PATH|unix.O_CLOEXEC, 0)
		return fd, asErrno(err)
	}
	dir := unix.AT_FDCWD
	if !strings.HasPrefix(path, "/") {
		fd, err := unix.Open(base, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, asErrno(err)
		}
		defer unix.Close(fd)
		dir = fd
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	if flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		how.Flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Openat2(dir, path, &how)
	return fd, asErrno(err)
}

func (p *Proxy) isWritable(path string) bool {
	for _, root := range p.writable {
		if path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/") {
			return true
		}
	}
	return false
}

func readTimes(request *notification, call metadataCall) ([]unix.Timespec, unix.Errno) {
	if call.times < 0 || request.args[call.times] == 0 {
		return nil, 0
	}
	words := 4
	if call.unit == seconds {
		words = 2
	}
	raw := make([]byte, words*8)
	if errno := readMemory(request.pid, request.args[call.times], raw); errno != 0 {
		return nil, errno
	}
	word := func(index int) int64 { return int64(binary.LittleEndian.Uint64(raw[index*8:])) }
	switch call.unit {
	case seconds:
		return []unix.Timespec{{Sec: word(0)}, {Sec: word(1)}}, 0
	case microseconds:
		return []unix.Timespec{{Sec: word(0), Nsec: word(1) * 1000}, {Sec: word(2), Nsec: word(3) * 1000}}, 0
	default:
		return []unix.Timespec{{Sec: word(0), Nsec: word(1)}, {Sec: word(2), Nsec: word(3)}}, 0
	}
}

func readMemory(pid uint32, address uint64, into []byte) unix.Errno {
	local := []unix.Iovec{{Base: &into[0]}}
	local[0].SetLen(len(into))
	n, err := unix.ProcessVMReadv(int(pid), local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(into)}}, 0)
	if err != nil {
		return unix.EFAULT
	}
	if n != len(into) {
		return unix.EFAULT
	}
	return 0
}

// readString reads a path of at most 4095 bytes, page by page so that it never reads past the mapping it ends in.
func readString(pid uint32, address uint64) (string, unix.Errno) {
	var text []byte
	for len(text) < unix.PathMax {
		size := 4096 - int((address+uint64(len(text)))%4096)
		part := make([]byte, size)
		if errno := readMemory(pid, address+uint64(len(text)), part); errno != 0 {
			return "", errno
		}
		for index, char := range part {
			if char == 0 {
				return string(append(text, part[:index]...)), 0
			}
		}
		text = append(text, part...)
	}
	return "", unix.ENAMETOOLONG
}

func threadGroup(tid uint32) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "Tgid:"); found {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, unix.ESRCH
}

func asErrno(err error) unix.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(unix.Errno); ok {
		return errno
	}
	return unix.EPERM
}
