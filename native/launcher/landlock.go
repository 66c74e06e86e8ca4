package main

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	fsRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fsFile  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	fsNever = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// landlockABI is the kernel's Landlock version, 0 where there is none.
func landlockABI() int {
	abi, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// handledFs is what the ruleset governs: every right this kernel's version knows and we know.
func handledFs(abi int) uint64 {
	rights := uint64(0x1fff)
	if abi >= 2 {
		rights |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 5 {
		rights |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	return rights
}

// applyLandlock lets this thread, and what it becomes, reach the listed paths only. ABI 4 adds the port of TCP
// connections, ABI 6 keeps signals and abstract unix sockets inside.
func applyLandlock(spec *Spec, abi int) error {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handledFs(abi)}
	size := uintptr(8)
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size = 16
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = 24
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	ruleset := int(fd)
	defer unix.Close(ruleset)
	for _, path := range spec.ReadOnly {
		if err := allowPath(ruleset, path, spec.Identities[path], fsRead, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	for _, path := range spec.ReadWrite {
		if err := allowPath(ruleset, path, spec.Identities[path], attr.Handled_access_fs&^fsNever, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	for _, path := range spec.Devices {
		rights := uint64(unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE)
		if err := allowPath(ruleset, path, "", rights, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if abi >= 4 && spec.ProxyPort != 0 {
		rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(spec.ProxyPort)}
		const netPort = 2
		if _, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, netPort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
			return fmt.Errorf("landlock_add_rule for port %d: %w", spec.ProxyPort, errno)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

func allowPath(ruleset int, path, identity string, rights, handled uint64) error {
	fd, stat, err := openJudged(path, identity)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fsFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights & handled, Parent_fd: int32(fd)}
	if _, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("landlock_add_rule for %s: %w", path, errno)
	}
	return nil
}
