package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// FilterOptions say what the rest of the confinement does not already cover.
type FilterOptions struct {
	// The program has its own mount, pid and network namespaces.
	Namespaces bool
	// It sees a file tree of its own, so that every unix socket it can name was given to it.
	OwnTree bool
	// TCP to the proxy may be asked for.
	Egress bool
	// Nothing else keeps signals inside: no pid namespace, no Landlock scope.
	NoSignals bool
	// Landlock before version 3 does not govern truncate(2).
	NoTruncate bool
}

const (
	allow     = unix.SECCOMP_RET_ALLOW
	notify    = unix.SECCOMP_RET_USER_NOTIF
	nsFlags   = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET
	fsSetFlag = 0x40086602
)

func errnoOf(errno unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(errno) }

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func jump(code uint16, k uint32, jt, jf uint8) unix.SockFilter {
	return unix.SockFilter{Code: code, Jt: jt, Jf: jf, K: k}
}

func ret(action uint32) unix.SockFilter { return stmt(unix.BPF_RET|unix.BPF_K, action) }

// arg loads the low half of one argument; both architectures are little-endian.
func arg(index int) unix.SockFilter {
	return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, uint32(16+8*index))
}

func argHigh(index int) unix.SockFilter {
	return stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, uint32(20+8*index))
}

func equal(k uint32, jt, jf uint8) unix.SockFilter {
	return jump(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, k, jt, jf)
}

func anyBit(k uint32, jt, jf uint8) unix.SockFilter {
	return jump(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, k, jt, jf)
}

// on runs body for one system call; body must end every path with a return.
func on(program []unix.SockFilter, nr int, body ...unix.SockFilter) []unix.SockFilter {
	program = append(program, equal(uint32(nr), 0, uint8(len(body))))
	return append(program, body...)
}

// oneOf denies when the low half of an argument is one of the values.
func oneOf(index int, denied uint32, values ...uint32) []unix.SockFilter {
	body := []unix.SockFilter{arg(index)}
	for _, value := range values {
		body = append(body, equal(value, 0, 1), ret(denied))
	}
	return append(body, ret(allow))
}

func withBits(index int, bits, denied uint32) []unix.SockFilter {
	return []unix.SockFilter{arg(index), anyBit(bits, 0, 1), ret(denied), ret(allow)}
}

// onlySelf allows a call when the argument that names a process is 0, the caller itself.
func onlySelf(index int) []unix.SockFilter {
	return []unix.SockFilter{arg(index), equal(0, 0, 1), ret(allow), ret(errnoOf(unix.EPERM))}
}

// buildFilter compiles the system call filter. Unknown (newer) calls answer ENOSYS, a foreign architecture is
// killed, and x32 calls fall under the unknown ones.
func buildFilter(options FilterOptions) []unix.SockFilter {
	eperm := errnoOf(unix.EPERM)
	enosys := errnoOf(unix.ENOSYS)
	program := []unix.SockFilter{
		stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 4),
		equal(auditArch, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0),
		jump(unix.BPF_JMP|unix.BPF_JGT|unix.BPF_K, newestSyscall, 0, 1),
		ret(enosys),
	}
	for _, nr := range deniedSyscalls {
		program = on(program, nr, ret(eperm))
	}
	for _, nr := range absentSyscalls {
		program = on(program, nr, ret(enosys))
	}
	program = on(program, unix.SYS_CLONE, withBits(0, nsFlags, eperm)...)
	ioctls := []uint32{unix.TIOCSTI, unix.TIOCSETD, 0x541c /* TIOCLINUX */}
	if !options.Namespaces {
		ioctls = append(ioctls, fsSetFlag, 0x401c5820 /* FS_IOC_FSSETXATTR */, 0x40806685 /* FS_IOC_ENABLE_VERITY */, 0x800c6613 /* FS_IOC_SET_ENCRYPTION_POLICY */)
	}
	if options.NoSignals {
		ioctls = append(ioctls, 0x8901 /* FIOSETOWN */, 0x8902 /* SIOCSPGRP */)
		program = on(program, unix.SYS_FCNTL, oneOf(1, eperm, unix.F_SETOWN, unix.F_SETOWN_EX)...)
		for _, nr := range signalSyscalls {
			program = on(program, nr, ret(eperm))
		}
	}
	program = on(program, unix.SYS_IOCTL, oneOf(1, eperm, ioctls...)...)
	program = on(program, unix.SYS_PRLIMIT64,
		arg(0), equal(0, 4, 0), arg(2), equal(0, 0, 3), argHigh(2), equal(0, 0, 1), ret(allow), ret(eperm))
	for _, nr := range []int{unix.SYS_SCHED_SETAFFINITY, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETATTR} {
		program = on(program, nr, onlySelf(0)...)
	}
	for _, nr := range []int{unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET} {
		program = on(program, nr, onlySelf(1)...)
	}
	program = on(program, unix.SYS_PERSONALITY,
		arg(0), equal(0, 3, 0), equal(8, 2, 0), equal(0xffffffff, 1, 0), ret(eperm), ret(allow))
	program = socketRules(program, options)
	if !options.OwnTree {
		program = on(program, unix.SYS_INOTIFY_ADD_WATCH, ret(eperm))
	}
	if options.NoTruncate {
		program = on(program, unix.SYS_TRUNCATE, ret(eperm))
	}
	if !options.Namespaces {
		for _, nr := range metadataDenied {
			program = on(program, nr, ret(eperm))
		}
		for nr := range metadataCalls {
			program = on(program, nr, ret(notify))
		}
	}
	return append(program, ret(allow))
}

// socketRules: without a network namespace only a TCP socket for the proxy, whose connect the supervisor makes
// itself; with one, TCP on the namespace's own loopback. Landlock does not govern connecting to a unix socket by
// path, so those are for a file tree of its own only; connected pairs are always there.
func socketRules(program []unix.SockFilter, options FilterOptions) []unix.SockFilter {
	refused := errnoOf(unix.EAFNOSUPPORT)
	eperm := errnoOf(unix.EPERM)
	body := []unix.SockFilter{arg(0)}
	if options.OwnTree {
		body = append(body, equal(unix.AF_UNIX, 0, 1), ret(allow))
	}
	if options.Egress {
		families := equal(unix.AF_INET, 2, 0)
		body = append(body, families, equal(unix.AF_INET6, 1, 0), ret(refused))
		body = append(body,
			arg(1), stmt(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0xf), equal(unix.SOCK_STREAM, 1, 0), ret(eperm),
			arg(2), equal(0, 1, 0), equal(unix.IPPROTO_TCP, 0, 1), ret(allow), ret(eperm))
	} else {
		body = append(body, ret(refused))
	}
	program = on(program, unix.SYS_SOCKET, body...)
	pair := []unix.SockFilter{arg(0), equal(unix.AF_UNIX, 1, 0), ret(refused)}
	if !options.OwnTree {
		// A datagram socket, connected or not, can be sent from to any path.
		pair = append(pair, arg(1), stmt(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, 0xf),
			equal(unix.SOCK_STREAM, 2, 0), equal(unix.SOCK_SEQPACKET, 1, 0), ret(eperm))
	}
	program = on(program, unix.SYS_SOCKETPAIR, append(pair, ret(allow))...)
	program = on(program, unix.SYS_SENDTO, withBits(3, unix.MSG_FASTOPEN, eperm)...)
	program = on(program, unix.SYS_SENDMSG, withBits(2, unix.MSG_FASTOPEN, eperm)...)
	program = on(program, unix.SYS_SENDMMSG, withBits(3, unix.MSG_FASTOPEN, eperm)...)
	if !options.Namespaces {
		program = on(program, unix.SYS_BIND, ret(eperm))
		program = on(program, unix.SYS_LISTEN, ret(eperm))
		if options.Egress {
			program = on(program, unix.SYS_CONNECT, ret(notify))
		} else {
			program = on(program, unix.SYS_CONNECT, ret(eperm))
		}
	}
	return program
}

// installFilter puts the filter on this thread. The descriptor that receives held calls is returned when the
// options need one, else -1.
func installFilter(options FilterOptions) (int, error) {
	program := buildFilter(options)
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	flags := uintptr(0)
	if !options.Namespaces {
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return -1, fmt.Errorf("seccomp filter: %w", errno)
	}
	if options.Namespaces {
		return -1, nil
	}
	return int(fd), nil
}
