package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Tasks are counted at every look, memory, which is dearer, at every fifth.
const (
	lookEvery   = 10 * time.Millisecond
	memoryLooks = 5
)

// Supervisor owns one run. Boundary: descriptor 3, where the spec comes in and one status line goes out.
//  1. It is the subreaper of everything it starts: no descendant, whatever session it moves to, leaves its tree.
//  2. When the program ends, a limit is passed, the caller hangs up or the caller says so, the whole tree is
//     killed; the status line is written only when no descendant is left.
//  3. The program never gets descriptor 3 of the supervisor.
type Supervisor struct {
	spec      *Spec
	main      int
	group     *Cgroup
	once      sync.Once
	mu        sync.Mutex
	stoppedBy string
	failure   string
	started   bool
	bridge    *Bridge
}

func supervise() int {
	unix.CloseOnExec(controlFd)
	spec, err := readSpec(controlFd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: no spec on descriptor 3:", err)
		return 64
	}
	s := &Supervisor{spec: spec}
	status := s.run()
	writeLine(controlFd, status)
	return 0
}

func (s *Supervisor) run() Status {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return Status{Error: fmt.Sprintf("subreaper: %v", err)}
	}
	if s.spec.EgressSocket != "" && s.spec.Confine == "landlock" && !s.spec.Namespaces {
		bridge, err := listenHere(s.spec.EgressSocket)
		if err != nil {
			return Status{Error: err.Error()}
		}
		s.bridge = bridge
		s.spec.ProxyPort = bridge.port
		go bridge.serve()
	}
	group, err := newCgroup(s.spec)
	if err != nil {
		return Status{Error: err.Error()}
	}
	s.group = group
	defer group.remove()
	control, err := s.start()
	if err != nil {
		return Status{Error: err.Error()}
	}
	heard := make(chan struct{})
	go func() {
		s.listenToInner(control)
		close(heard)
	}()
	go s.listenToCaller()
	stop := make(chan struct{})
	go s.watch(stop)
	status := s.reap()
	close(stop)
	// Every process that could hold the other end is gone, so this ends.
	<-heard
	s.mu.Lock()
	defer s.mu.Unlock()
	status.StoppedBy = s.stoppedBy
	status.Error = s.failure
	status.Started = s.started
	if status.StoppedBy == "" {
		status.StoppedBy = group.exceeded()
	}
	return status
}

// start runs the wrapped inner stage with its own session, and hands it its spec on a socket pair.
func (s *Supervisor) start() (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	stage := "inner"
	attr := &syscall.ProcAttr{
		Files: []uintptr{0, 1, 2, uintptr(pair[1])},
		Dir:   "/",
		Env:   []string{},
		Sys:   &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	uid, gid := s.spec.UID, s.spec.GID
	if uid >= 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}
	}
	argv := append([]string{}, s.spec.Wrap...)
	if s.spec.Confine == "landlock" && s.spec.Namespaces {
		stage = "init"
		own := os.Getuid()
		group := os.Getgid()
		if uid >= 0 {
			own, group = uid, gid
		}
		namespaceAttr(attr.Sys, own, group)
	}
	if len(argv) == 0 {
		argv = []string{ownProgram}
	}
	argv = append(argv, stage)
	program := argv[0]
	leave, err := s.group.enter(attr.Sys)
	if err != nil {
		return -1, err
	}
	pid, err := syscall.ForkExec(program, argv, attr)
	leave()
	unix.Close(pair[1])
	if err != nil {
		return -1, fmt.Errorf("cannot start %s: %w", program, err)
	}
	s.main = pid
	writeLine(pair[0], s.spec)
	if stage == "init" {
		writeLine(pair[0], s.spec)
	}
	return pair[0], nil
}

// listenToInner takes the descriptors and the complaint that the inner stage may send before it becomes the program.
func (s *Supervisor) listenToInner(control int) {
	buffer := make([]byte, 8192)
	oob := make([]byte, unix.CmsgSpace(4))
	var text []byte
	for {
		n, oobn, _, _, err := unix.Recvmsg(control, buffer, oob, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		if fd := receivedFd(oob[:oobn]); fd >= 0 {
			s.take(buffer[0], fd)
			continue
		}
		text = append(text, buffer[:n]...)
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			var complaint Status
			if json.Unmarshal(text[:end], &complaint) == nil {
				s.hear(complaint)
			}
			text = text[end+1:]
		}
	}
}

func (s *Supervisor) hear(told Status) {
	if told.Error != "" {
		s.fail(told.Error)
		return
	}
	s.mu.Lock()
	s.started = s.started || told.Started
	s.mu.Unlock()
}

func receivedFd(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 {
		return -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return -1
	}
	return fds[0]
}

func (s *Supervisor) take(kind byte, fd int) {
	switch kind {
	case 'S':
		proxy := &Proxy{listener: fd, writable: s.spec.ReadWrite, bridge: s.bridge, uid: s.spec.UID, gid: s.spec.GID}
		go func() {
			runtime.LockOSThread()
			proxy.serve()
		}()
	case 'L':
		if bridge, err := adopt(fd, s.spec.EgressSocket); err == nil {
			go bridge.serve()
		}
	default:
		unix.Close(fd)
	}
}

// listenToCaller ends the run when the caller says anything or is gone.
func (s *Supervisor) listenToCaller() {
	one := make([]byte, 1)
	for {
		_, err := unix.Read(controlFd, one)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			_, _ = unix.Poll([]unix.PollFd{{Fd: controlFd, Events: unix.POLLIN}}, -1)
			continue
		}
		break
	}
	s.stop("")
}

func (s *Supervisor) fail(message string) {
	s.mu.Lock()
	if s.failure == "" {
		s.failure = message
	}
	s.mu.Unlock()
	s.stop("")
}

func (s *Supervisor) stop(reason string) {
	s.mu.Lock()
	if s.stoppedBy == "" {
		s.stoppedBy = reason
	}
	s.mu.Unlock()
	s.once.Do(func() {
		s.group.kill()
		go killTree()
	})
}

// watch enforces time, memory and tasks. A cgroup, where there is one, enforces the last two by itself and sooner.
func (s *Supervisor) watch(stop chan struct{}) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	deadline := time.Now().Add(time.Duration(s.spec.WallMs) * time.Millisecond)
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	quick := hasChildLists()
	for looks := 1; ; looks++ {
		select {
		case <-stop:
			return
		case <-timer.C:
			s.stop("timeout")
			return
		case <-ticker.C:
			s.checkLimits(quick, looks%memoryLooks == 0)
		}
	}
}

func (s *Supervisor) checkLimits(quick, memory bool) {
	allowed := s.spec.Pids + s.ownTasks()
	var tree []process
	tasks := int64(0)
	if quick {
		tree, tasks = quickDescendants(os.Getpid(), allowed)
	} else {
		tree = descendants(os.Getpid())
		for _, found := range tree {
			tasks += found.threads
		}
	}
	if tasks > allowed {
		s.stop("pids")
		return
	}
	if memory && memoryOf(tree) > s.spec.MemoryBytes {
		s.stop("memory")
	}
}

// ownTasks are those of the stages around the program: bubblewrap's two, or the threads of init.
func (s *Supervisor) ownTasks() int64 {
	switch {
	case s.spec.Confine == "bubblewrap":
		return 2
	case s.spec.Namespaces:
		return 8
	default:
		return 0
	}
}

// reap waits for everything. Once the first process is gone, the rest of the tree is killed.
func (s *Supervisor) reap() Status {
	status := Status{}
	for {
		var wait unix.WaitStatus
		pid, err := unix.Wait4(-1, &wait, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			// ECHILD: a subreaper without children has no descendants.
			return status
		}
		if pid != s.main {
			continue
		}
		if wait.Signaled() {
			number := int(wait.Signal())
			status.Signal = &number
		} else {
			code := wait.ExitStatus()
			status.Code = &code
		}
		if childrenLeft() {
			s.checkLimits(hasChildLists(), false)
			s.stop("")
		}
	}
}

// childrenLeft reaps what has ended already and tells whether anything has not.
func childrenLeft() bool {
	for {
		var wait unix.WaitStatus
		pid, err := unix.Wait4(-1, &wait, unix.WNOHANG, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
		if err == nil && pid == 0 {
			return true
		}
	}
}

// becomeOnThread gives up the supervisor's identity on this thread only.
func becomeOnThread(uid, gid int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("setgroups: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); errno != 0 {
		return fmt.Errorf("setresgid: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
		return fmt.Errorf("setresuid: %w", errno)
	}
	return nil
}
