package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var errHeld = errors.New("the call returned but had no effect")

// attempts are ways out of a sandbox. Each returns nil when it got out. A backend is in force only when every
// attempt it is judged by fails; each must be seen to succeed without a sandbox.
var attempts = map[string]func(args []string) error{
	"read-file":      func(args []string) error { _, err := os.ReadFile(args[0]); return err },
	"list-directory": func(args []string) error { _, err := os.ReadDir(args[0]); return err },
	"write-file":     func(args []string) error { return os.WriteFile(args[0], []byte("escaped"), 0o644) },
	"truncate-file":  func(args []string) error { return os.Truncate(args[0], 0) },
	"change-mode":    func(args []string) error { return os.Chmod(args[0], 0o777) },
	"change-time":    func(args []string) error { return os.Chtimes(args[0], time.Unix(1, 0), time.Unix(1, 0)) },
	"open-mode":      openAndChangeMode,
	"extended-attr":  func(args []string) error { return unix.Setxattr(args[0], "user.escaped", []byte("1"), 0) },
	"hard-link":      func(args []string) error { return os.Link(args[0], args[1]) },
	"set-uid-bit":    func(args []string) error { return os.Chmod(args[0], 0o755|os.ModeSetuid) },
	"symlink-race":   symlinkRace,
	"tcp":            func(args []string) error { return dial("tcp", args[0]) },
	"udp":            func(args []string) error { return dial("udp", args[0]) },
	"unix-socket":    func(args []string) error { return dial("unix", args[0]) },
	"netlink":        func([]string) error { return openSocket(unix.AF_NETLINK, unix.SOCK_RAW, 0) },
	"packet":         func([]string) error { return openSocket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"listen":         func([]string) error { _, err := net.Listen("tcp4", "0.0.0.0:0"); return err },
	"signal":         func(args []string) error { return unix.Kill(number(args[0]), unix.Signal(number(args[1]))) },
	"signal-by-fd":   signalByFd,
	"lower-limit":    lowerLimit,
	"trace":          func(args []string) error { return unix.PtraceSeize(number(args[0])) },
	"read-memory":    readOther,
	"read-environ":   func(args []string) error { _, err := os.ReadFile("/proc/" + args[0] + "/environ"); return err },
	"read-cmdline":   func(args []string) error { _, err := os.ReadFile("/proc/" + args[0] + "/cmdline"); return err },
	"clone-user-ns":  cloneUserNamespace,
	"mount":          func([]string) error { return unix.Mount("none", "/", "tmpfs", 0, "") },
	"keyring": func([]string) error {
		_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, true)
		return err
	},
	"io-uring":      func([]string) error { return rawCall(unix.SYS_IO_URING_SETUP, 1, make([]byte, 120)) },
	"shared-memory": func([]string) error { _, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600); return err },
	"memory-file":   func([]string) error { _, err := unix.MemfdCreate("x", 0); return err },
	"push-terminal": pushTerminal,
	"memory":        useMemory,
	"fork":          forkMany,
	"linger":        linger,
	"datagram-pair": datagramPair,
	"receive":       receive,
	"fetch":         fetch,
	"tunnel":        tunnel,
	"survive":       survive,
	"privileges":    gainPrivileges,
	"confinement":   tellConfinement,
}

// attempt tries the ways out that `--` separates, prints one line for each, and exits 0 when any worked, 1 when
// all were held.
func attempt(args []string) int {
	result := 1
	for {
		end := len(args)
		for index, word := range args {
			if word == "--" {
				end = index
				break
			}
		}
		if code := attemptOne(args[:end]); code != 1 {
			result = code
		}
		if end == len(args) {
			return result
		}
		args = args[end+1:]
	}
}

func attemptOne(args []string) int {
	if len(args) == 0 || attempts[args[0]] == nil {
		names := make([]string, 0, len(attempts))
		for name := range attempts {
			names = append(names, name)
		}
		sort.Strings(names)
		fmt.Fprintln(os.Stderr, "usage: launcher attempt NAME [ARGUMENT...]; names:", names)
		return 64
	}
	defer func() {
		if recover() != nil {
			fmt.Println("bad arguments")
			os.Exit(64)
		}
	}()
	if err := attempts[args[0]](args[1:]); err != nil {
		fmt.Println(args[0]+": held:", err)
		return 1
	}
	fmt.Println(args[0] + ": escaped")
	return 0
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func openAndChangeMode(args []string) error {
	file, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Chmod(0o777)
}

func openSocket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func dial(network, address string) error {
	conn, err := net.DialTimeout(network, address, 2*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("escaped\n"))
	return err
}

func signalByFd(args []string) error {
	fd, err := unix.PidfdOpen(number(args[0]), 0)
	if err != nil {
		return err
	}
	return unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0)
}

func lowerLimit(args []string) error {
	limit := unix.Rlimit{Cur: 60, Max: 1 << 40}
	return unix.Prlimit(number(args[0]), unix.RLIMIT_CPU, &limit, nil)
}

func readOther(args []string) error {
	maps, err := os.ReadFile("/proc/" + args[0] + "/maps")
	if err != nil {
		return err
	}
	start, err := strconv.ParseUint(string(maps[:indexOf(maps, '-')]), 16, 64)
	if err != nil {
		return err
	}
	into := make([]byte, 16)
	if errno := readMemory(uint32(number(args[0])), start, into); errno != 0 {
		return errno
	}
	return nil
}

func indexOf(text []byte, char byte) int {
	for index, found := range text {
		if found == char {
			return index
		}
	}
	return 0
}

func cloneUserNamespace([]string) error {
	command := exec.Command(ownProgram, "attempt", "read-file", "/dev/null")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	return command.Run()
}

func rawCall(nr, first uintptr, buffer []byte) error {
	fd, _, errno := unix.Syscall6(nr, first, uintptr(unsafe.Pointer(&buffer[0])), 0, ^uintptr(0), ^uintptr(0), 0)
	if errno != 0 {
		return errno
	}
	unix.Close(int(fd))
	return nil
}

func pushTerminal([]string) error {
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer controller.Close()
	char := byte('x')
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, controller.Fd(), unix.TIOCSTI, uintptr(unsafe.Pointer(&char))); errno != 0 {
		return errno
	}
	return nil
}

// symlinkRace swaps a directory for a link to the outside while it writes through the name.
func symlinkRace(args []string) error {
	inside, outside := args[0], args[1]
	name := filepath.Join(inside, "swapped")
	stop := time.Now().Add(400 * time.Millisecond)
	go func() {
		for time.Now().Before(stop) {
			_ = os.Mkdir(name, 0o755)
			_ = os.RemoveAll(name)
			_ = os.Symlink(outside, name)
			_ = os.Remove(name)
		}
	}()
	for time.Now().Before(stop) {
		_ = os.WriteFile(filepath.Join(name, "escaped"), []byte("escaped"), 0o644)
		_ = os.Chmod(filepath.Join(name, "target"), 0o777)
	}
	return errHeld
}

// useMemory touches that many MiB and holds them for that many milliseconds.
func useMemory(args []string) error {
	var held [][]byte
	for range number(args[0]) {
		block := make([]byte, 1<<20)
		for index := 0; index < len(block); index += 4096 {
			block[index] = 1
		}
		held = append(held, block)
	}
	time.Sleep(time.Duration(number(args[1])) * time.Millisecond)
	fmt.Println(len(held), "MiB held")
	return nil
}

// forkMany starts that many processes that sleep and carry a token by which they can be found, then holds them for
// that many milliseconds.
func forkMany(args []string) error {
	var refused error
	for range number(args[0]) {
		if refused = exec.Command(ownProgram, "attempt", "linger", "60", args[2]).Start(); refused != nil {
			break
		}
	}
	time.Sleep(time.Duration(number(args[1])) * time.Millisecond)
	return refused
}

// survive leaves a process in a session of its own, with a token by which it can be found.
func survive(args []string) error {
	command := exec.Command(ownProgram, "attempt", "linger", args[0], args[1])
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return command.Start()
}

// linger sleeps, and lets anybody of the same user trace it where Yama would not.
func linger(args []string) error {
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0)
	fmt.Println("lingering")
	time.Sleep(time.Duration(number(args[0])) * time.Second)
	return nil
}

func gainPrivileges([]string) error {
	value, _, errno := unix.Syscall6(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	if value == 1 {
		return errors.New("no_new_privs is set")
	}
	return nil
}

// tellConfinement prints what the kernel says of this process; it never escapes.
func tellConfinement([]string) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	ambient := 0
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if set, _, errno := unix.Syscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, capability, 0, 0, 0); errno == 0 && set == 1 {
			ambient++
		}
	}
	privileges, _, _ := unix.Syscall6(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0)
	seccomp, _, _ := unix.Syscall6(unix.SYS_PRCTL, unix.PR_GET_SECCOMP, 0, 0, 0, 0, 0)
	fmt.Println("effective", sets[0].Effective|sets[1].Effective, "permitted", sets[0].Permitted|sets[1].Permitted,
		"inheritable", sets[0].Inheritable|sets[1].Inheritable, "ambient", ambient, "no_new_privs", privileges, "seccomp", seccomp)
	return errors.New("as told")
}

// fetch asks the proxy of its environment for a URL and prints status and body.
func fetch(args []string) error {
	target, err := url.Parse(args[0])
	if err != nil {
		return err
	}
	return askProxy("GET "+args[0]+" HTTP/1.1\r\nHost: "+target.Host+"\r\nConnection: close\r\n\r\n", "")
}

// tunnel asks the proxy for a connection and sends a request through it.
func tunnel(args []string) error {
	head := "CONNECT " + args[0] + " HTTP/1.1\r\nHost: " + args[0] + "\r\n\r\n"
	return askProxy(head, "GET / HTTP/1.1\r\nHost: "+args[0]+"\r\nConnection: close\r\n\r\n")
}

func askProxy(request, then string) error {
	address := strings.TrimPrefix(os.Getenv("http_proxy"), "http://")
	conn, err := net.DialTimeout("tcp4", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for _, part := range []string{request, then} {
		if part == "" {
			break
		}
		if _, err := conn.Write([]byte(part)); err != nil {
			return err
		}
		status, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		fmt.Print(strings.Fields(status)[1], " ")
		for line := status; strings.TrimSpace(line) != ""; {
			if line, err = reader.ReadString('\n'); err != nil {
				return err
			}
		}
	}
	body, err := io.ReadAll(reader)
	fmt.Println(strings.TrimSpace(string(body)))
	os.Exit(0)
	return err
}

// datagramPair sends to a unix socket by its path from one half of a pair, which needs no socket call.
func datagramPair(args []string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	return unix.Sendto(pair[0], []byte("escaped"), 0, &unix.SockaddrUnix{Name: args[0]})
}

// receive is the other side: it waits for one datagram.
func receive(args []string) error {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: args[0], Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Println("listening")
	_, err = conn.Read(make([]byte, 64))
	return err
}
