package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// openJudged opens what a path names and refuses anything but what was judged, which may have been exchanged for a
// link since; an empty identity is whatever is there.
func openJudged(path, identity string) (int, unix.Stat_t, error) {
	var stat unix.Stat_t
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, stat, fmt.Errorf("%s: %w", path, err)
	}
	if err := unix.Fstat(fd, &stat); err != nil {
		unix.Close(fd)
		return -1, stat, fmt.Errorf("%s: %w", path, err)
	}
	if found := fmt.Sprintf("%d:%d", stat.Dev, stat.Ino); identity != "" && found != identity {
		unix.Close(fd)
		return -1, stat, fmt.Errorf("the mount %s was exchanged while the command was set up", path)
	}
	return fd, stat, nil
}

// checkJudged looks at every name, those of links too, which no Landlock rule has.
func checkJudged(spec *Spec) error {
	for path, identity := range spec.Identities {
		fd, _, err := openJudged(path, identity)
		if err != nil {
			return err
		}
		unix.Close(fd)
	}
	return nil
}
