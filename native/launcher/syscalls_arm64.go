package main

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

var archDenied = []int{}

var archMetadataDenied = []int{}

// metadataCalls are made by the supervisor on the program's behalf, inside writable mounts only.
var metadataCalls = map[int]metadataCall{
	unix.SYS_FCHMOD:    {dir: 0, path: -1, mode: 1, flags: -1, times: -1},
	unix.SYS_FCHMODAT:  {dir: 0, path: 1, mode: 2, flags: -1, times: -1},
	unix.SYS_FCHMODAT2: {dir: 0, path: 1, mode: 2, flags: 3, times: -1},
	unix.SYS_UTIMENSAT: {dir: 0, path: 1, mode: -1, flags: 3, times: 2, unit: nanoseconds},
}
