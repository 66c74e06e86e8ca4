package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cgroup bounds memory and tasks of a run in the kernel, where a directory to make one in was given.
// A nil Cgroup does nothing: the watch then enforces the limits.
type Cgroup struct {
	directories []string
	unified     bool
}

func newCgroup(spec *Spec) (*Cgroup, error) {
	if len(spec.Cgroups) == 0 {
		return nil, nil
	}
	group := &Cgroup{unified: len(spec.Cgroups) == 1}
	name := "carapulse-" + strconv.Itoa(os.Getpid())
	for _, parent := range spec.Cgroups {
		directory := filepath.Join(parent, name)
		if err := os.Mkdir(directory, 0o755); err != nil && !os.IsExist(err) {
			group.remove()
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		group.directories = append(group.directories, directory)
	}
	settings := map[string]int64{"pids.max": spec.Pids + 16}
	if group.unified {
		settings["memory.max"] = spec.MemoryBytes
		settings["memory.swap.max"] = 0
	} else {
		settings["memory.limit_in_bytes"] = spec.MemoryBytes
	}
	for file, value := range settings {
		if err := group.set(file, strconv.FormatInt(value, 10)); err != nil && file != "memory.swap.max" {
			group.remove()
			return nil, fmt.Errorf("cgroup: %w", err)
		}
	}
	return group, nil
}

func (g *Cgroup) set(file, value string) error {
	var last error
	for _, directory := range g.directories {
		path := filepath.Join(directory, file)
		if _, err := os.Stat(path); err != nil {
			last = err
			continue
		}
		return os.WriteFile(path, []byte(value), 0o644)
	}
	return last
}

// enter has the next process start inside, so that nothing it does escapes the count: v2 by the flag of clone, v1
// by moving this (locked) thread there and back.
func (g *Cgroup) enter(attr *syscall.SysProcAttr) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	if g.unified {
		fd, err := unix.Open(g.directories[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("cgroup: %w", err)
		}
		attr.UseCgroupFD = true
		attr.CgroupFD = fd
		return func() { unix.Close(fd) }, nil
	}
	thread := []byte(strconv.Itoa(unix.Gettid()))
	leave = func() {
		for _, directory := range g.directories {
			_ = os.WriteFile(filepath.Join(filepath.Dir(directory), "tasks"), thread, 0o644)
		}
	}
	for _, directory := range g.directories {
		if err := os.WriteFile(filepath.Join(directory, "tasks"), thread, 0o644); err != nil {
			leave()
			return nil, fmt.Errorf("cgroup: %w", err)
		}
	}
	return leave, nil
}

func (g *Cgroup) kill() {
	if g != nil && g.unified {
		_ = os.WriteFile(filepath.Join(g.directories[0], "cgroup.kill"), []byte("1"), 0o644)
	}
}

// exceeded tells which limit the kernel enforced, if any.
func (g *Cgroup) exceeded() string {
	if g == nil {
		return ""
	}
	for _, directory := range g.directories {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			raw, err := os.ReadFile(filepath.Join(directory, file))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(raw)) {
				if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "oom_kill" && fields[1] != "0" {
					return "memory"
				}
			}
		}
		raw, err := os.ReadFile(filepath.Join(directory, "pids.events"))
		if err != nil {
			continue
		}
		if fields := strings.Fields(string(raw)); len(fields) >= 2 && fields[0] == "max" && fields[1] != "0" {
			return "pids"
		}
	}
	return ""
}

func (g *Cgroup) remove() {
	if g == nil {
		return
	}
	for _, directory := range g.directories {
		_ = os.Remove(directory)
	}
}
