package main

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

var archDenied = []int{
	unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_USELIB, unix.SYS_USTAT, unix.SYS_SYSFS, unix.SYS__SYSCTL, unix.SYS_MODIFY_LDT,
	unix.SYS_CREATE_MODULE, unix.SYS_GET_KERNEL_SYMS, unix.SYS_QUERY_MODULE, unix.SYS_VSERVER,
}

var archMetadataDenied = []int{unix.SYS_CHOWN, unix.SYS_LCHOWN}

// metadataCalls are made by the supervisor on the program's behalf, inside writable mounts only.
var metadataCalls = map[int]metadataCall{
	unix.SYS_CHMOD:     {dir: -1, path: 0, mode: 1, flags: -1, times: -1},
	unix.SYS_FCHMOD:    {dir: 0, path: -1, mode: 1, flags: -1, times: -1},
	unix.SYS_FCHMODAT:  {dir: 0, path: 1, mode: 2, flags: -1, times: -1},
	unix.SYS_FCHMODAT2: {dir: 0, path: 1, mode: 2, flags: 3, times: -1},
	unix.SYS_UTIME:     {dir: -1, path: 0, mode: -1, flags: -1, times: 1, unit: seconds},
	unix.SYS_UTIMES:    {dir: -1, path: 0, mode: -1, flags: -1, times: 1, unit: microseconds},
	unix.SYS_FUTIMESAT: {dir: 0, path: 1, mode: -1, flags: -1, times: 2, unit: microseconds},
	unix.SYS_UTIMENSAT: {dir: 0, path: 1, mode: -1, flags: 3, times: 2, unit: nanoseconds},
}
