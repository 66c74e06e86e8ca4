// Command launcher confines one program and owns its whole process tree.
//
// Modes: `supervise` (the outer process: limits, tree kill, egress bridge, syscalls done on behalf of the
// program), `init` (sets up namespaces and reaps), `inner` (restricts itself, then becomes the program) and
// `attempt` (tries one way out and tells whether it worked; the proof that a backend contains).
package main

import (
	"fmt"
	"os"
	"runtime"
)

// The main goroutine keeps the main thread: no_new_privs, Landlock, seccomp and the parent-death signal all
// belong to a thread, and what this thread carries is what survives exec.
func init() { runtime.LockOSThread() }

func main() {
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "supervise":
		os.Exit(supervise())
	case "init":
		os.Exit(runInit())
	case "inner":
		os.Exit(inner())
	case "attempt":
		os.Exit(attempt(os.Args[2:]))
	default:
		fmt.Fprintln(os.Stderr, "usage: launcher supervise|init|inner|attempt; the first three speak JSON on file descriptor 3")
		os.Exit(64)
	}
}
