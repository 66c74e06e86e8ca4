package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

const controlFd = 3

// ownProgram starts this file again even where the new process may not reach its path.
const ownProgram = "/proc/self/exe"

// proxyPort is what the program sees as its proxy where the network namespace is its own.
const proxyPort = 3128

// Spec is one run, as the caller writes it on descriptor 3: one line of JSON.
type Spec struct {
	Program string   `json:"program"`
	Argv    []string `json:"argv"`
	Cwd     string   `json:"cwd"`
	Env     []string `json:"env"`
	// Written before the program starts.
	Files []File `json:"files"`
	// Paths that exist, by their real names.
	ReadOnly  []string `json:"readOnly"`
	ReadWrite []string `json:"readWrite"`
	Devices   []string `json:"devices"`
	// Path → device:inode of what was judged to be there; anything else in its place is refused.
	Identities map[string]string `json:"identities"`
	// Confine: landlock (the launcher alone), bubblewrap (Wrap starts it), none.
	Confine    string   `json:"confine"`
	Wrap       []string `json:"wrap"`
	Namespaces bool     `json:"namespaces"`
	// Unix socket of the egress proxy; empty means no network at all.
	EgressSocket string `json:"egressSocket"`
	// Highest Landlock version to use, so that an older kernel can be tried out; 0: whatever the kernel has.
	LandlockABI int `json:"landlockAbi"`
	// Below zero: keep the caller's.
	UID int `json:"uid"`
	GID int `json:"gid"`

	WallMs      int64  `json:"wallMs"`
	MemoryBytes int64  `json:"memoryBytes"`
	Pids        int64  `json:"pids"`
	FileBytes   uint64 `json:"fileBytes"`
	OpenFiles   uint64 `json:"openFiles"`
	// Directories under which a cgroup for the run is made: one for v2, or the memory and pids hierarchies of v1.
	Cgroups []string `json:"cgroups"`

	// Set by the supervisor for inner, never read from the caller.
	ProxyPort int `json:"proxyPort"`
}

// Status is the supervisor's last line on descriptor 3.
type Status struct {
	Code      *int   `json:"code"`
	Signal    *int   `json:"signal"`
	StoppedBy string `json:"stoppedBy"`
	Error     string `json:"error"`
	// Started: the confinement was complete and the program was about to run.
	Started bool `json:"started"`
}

// readLine reads up to the first newline of fd and nothing past it.
func readLine(fd int) ([]byte, error) {
	var line []byte
	buffer := make([]byte, 65536)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_PEEK)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		end := bytes.IndexByte(buffer[:n], '\n')
		take := n
		if end >= 0 {
			take = end + 1
		}
		got, err := unix.Read(fd, buffer[:take])
		if err != nil {
			return nil, err
		}
		line = append(line, buffer[:got]...)
		if end >= 0 && got == take {
			return line[:len(line)-1], nil
		}
	}
}

func readSpec(fd int) (*Spec, error) {
	line, err := readLine(fd)
	if err != nil {
		return nil, err
	}
	spec := &Spec{}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(spec); err != nil {
		return nil, err
	}
	return spec, nil
}

func writeLine(fd int, value any) {
	line, err := json.Marshal(value)
	if err != nil {
		return
	}
	line = append(line, '\n')
	for len(line) > 0 {
		n, err := unix.Write(fd, line)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
			continue
		}
		if err != nil {
			return
		}
		line = line[n:]
	}
}
