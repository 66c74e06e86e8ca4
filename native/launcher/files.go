package main

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// File is written by inner itself, once it is confined, so that it can only lie where the program may write.
type File struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// proxyMark stands for the URL of the egress proxy, which is known inside only.
const proxyMark = "{{proxy}}"

// writeFiles makes each file anew, readable by the program's user alone; a link in its place is not followed.
func writeFiles(spec *Spec) error {
	for _, file := range spec.Files {
		if err := writeFile(file.Path, strings.ReplaceAll(file.Text, proxyMark, proxyURL(spec))); err != nil {
			return fmt.Errorf("file %s: %w", file.Path, err)
		}
	}
	return nil
}

func writeFile(path, text string) error {
	if err := unix.Unlink(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for rest := []byte(text); len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}
