package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

type process struct {
	pid, parent int
	threads     int64
	state       byte
}

// readProcess parses /proc/PID/stat; the name in parentheses may hold anything.
func readProcess(pid int) (process, bool) {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	text := string(raw)
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return process{}, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 18 {
		return process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	threads, _ := strconv.ParseInt(fields[17], 10, 64)
	return process{pid: pid, parent: parent, threads: threads, state: fields[0][0]}, true
}

// descendants lists every process below root from one pass over /proc.
func descendants(root int) []process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]process{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if found, ok := readProcess(pid); ok {
			children[found.parent] = append(children[found.parent], found)
		}
	}
	return collect(children, root, nil)
}

func collect(children map[int][]process, parent int, into []process) []process {
	for _, child := range children[parent] {
		into = collect(children, child.pid, append(into, child))
	}
	return into
}

// quickDescendants follows the kernel's lists of children: cheap, and good enough to watch by. It stops once it has
// counted more tasks than asked for: a fork bomb leaves little time, and then it is known.
func quickDescendants(root int, enough int64) (tree []process, tasks int64) {
	pending := []int{root}
	for len(pending) > 0 && tasks <= enough {
		parent := strconv.Itoa(pending[0])
		pending = pending[1:]
		threads, err := os.ReadDir("/proc/" + parent + "/task")
		if err != nil {
			continue
		}
		for _, thread := range threads {
			raw, err := os.ReadFile("/proc/" + parent + "/task/" + thread.Name() + "/children")
			if err != nil {
				continue
			}
			for _, field := range strings.Fields(string(raw)) {
				pid, err := strconv.Atoi(field)
				if err != nil {
					continue
				}
				if found, ok := readProcess(pid); ok {
					tree = append(tree, found)
					tasks += found.threads
					pending = append(pending, pid)
				}
			}
		}
	}
	return tree, tasks
}

// hasChildLists tells whether the kernel keeps /proc/PID/task/TID/children.
func hasChildLists() bool {
	_, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children")
	return err == nil
}

// killTree ends every descendant of this process, a subreaper. It stops them first and looks again until nothing
// new has appeared, so that a program that forks faster than one pass takes cannot run ahead of it.
func killTree() {
	root := os.Getpid()
	for {
		stopped := map[int]bool{}
		for {
			fresh := false
			for _, found := range descendants(root) {
				if found.state == 'Z' || stopped[found.pid] {
					continue
				}
				stopped[found.pid] = true
				fresh = true
				_ = unix.Kill(found.pid, unix.SIGSTOP)
			}
			if !fresh {
				break
			}
		}
		if len(stopped) == 0 {
			return
		}
		for pid := range stopped {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond)
	}
}

// memoryOf sums what the processes hold of their own and share by shared memory, in bytes. Pages of files do not
// count: the kernel can drop them.
func memoryOf(processes []process) int64 {
	total := int64(0)
	for _, found := range processes {
		raw, err := os.ReadFile("/proc/" + strconv.Itoa(found.pid) + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if strings.HasPrefix(line, "RssAnon:") || strings.HasPrefix(line, "RssShmem:") {
				fields := strings.Fields(line)
				if len(fields) > 1 {
					kib, _ := strconv.ParseInt(fields[1], 10, 64)
					total += kib * 1024
				}
			}
		}
	}
	return total
}

// tasksOfUser counts the threads of one user on the machine, which is what RLIMIT_NPROC counts.
func tasksOfUser(uid uint32) uint64 {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	total := uint64(0)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		if unix.Stat("/proc/"+entry.Name(), &stat) != nil || stat.Uid != uid {
			continue
		}
		if found, ok := readProcess(pid); ok {
			total += uint64(found.threads)
		}
	}
	return total
}
