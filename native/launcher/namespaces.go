package main

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"syscall"

	"golang.org/x/sys/unix"
)

// namespaceAttr asks for new user, mount, pid, network, ipc and uts namespaces, with the same uid inside.
func namespaceAttr(attr *syscall.SysProcAttr, uid, gid int) {
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	attr.GidMappingsEnableSetgroups = attr.Credential != nil
	attr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP}
}

// runInit is process 1 of the namespaces: it makes the file system read-only but for the writable mounts, gives
// the namespace its own /proc and loopback, starts inner and reaps. The kernel ends the namespace with it.
func runInit() int {
	unix.CloseOnExec(controlFd)
	spec, err := readSpec(controlFd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: no spec on descriptor 3:", err)
		return 64
	}
	if err := arrange(spec); err != nil {
		writeLine(controlFd, Status{Error: err.Error()})
		return 126
	}
	// Inner reads its own copy of the spec from the same descriptor; the supervisor wrote it twice.
	main, err := syscall.ForkExec(ownProgram, []string{ownProgram, "inner"}, &syscall.ProcAttr{
		Files: []uintptr{0, 1, 2, controlFd},
		Dir:   "/",
		Env:   []string{},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, AmbientCaps: []uintptr{unix.CAP_SETPCAP}},
	})
	if err != nil {
		writeLine(controlFd, Status{Error: err.Error()})
		return 126
	}
	return reapUntil(main)
}

func reapUntil(main int) int {
	for {
		var wait unix.WaitStatus
		pid, err := unix.Wait4(-1, &wait, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 126
		}
		if pid != main {
			continue
		}
		if wait.Signaled() {
			return 128 + int(wait.Signal())
		}
		return wait.ExitStatus()
	}
}

func arrange(spec *Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	roots := append([]string{}, spec.ReadWrite...)
	sort.Strings(roots)
	for _, path := range roots {
		if err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s: %w", path, err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("own /proc: %w", err)
	}
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &readOnly); err != nil {
		return fmt.Errorf("read-only file system: %w", err)
	}
	writable := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	for _, path := range roots {
		if err := unix.MountSetattr(unix.AT_FDCWD, path, 0, &writable); err != nil {
			return fmt.Errorf("writable %s: %w", path, err)
		}
	}
	return loopbackUp()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}
