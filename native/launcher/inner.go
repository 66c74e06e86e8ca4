package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// inner restricts this thread and becomes the program. A failure is told on descriptor 3 and nothing runs.
func inner() int {
	unix.CloseOnExec(controlFd)
	spec, err := readSpec(controlFd)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox: no spec on descriptor 3:", err)
		return 64
	}
	err = become(spec)
	writeLine(controlFd, Status{Error: err.Error()})
	return 126
}

func become(spec *Spec) error {
	if err := setLimits(spec); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("parent-death signal: %w", err)
	}
	if spec.Confine != "none" {
		if err := confine(spec); err != nil {
			return err
		}
	}
	if err := unix.Chdir(spec.Cwd); err != nil {
		return fmt.Errorf("working directory %s: %w", spec.Cwd, err)
	}
	if err := writeFiles(spec); err != nil {
		return err
	}
	writeLine(controlFd, Status{Started: true})
	err := syscall.Exec(spec.Program, spec.Argv, append(spec.Env, proxyEnv(spec)...))
	return fmt.Errorf("cannot run %s: %w", spec.Program, err)
}

// confine orders the steps: what needs the file system or privileges first, the filter last.
func confine(spec *Spec) error {
	// The kernel's out-of-memory killer takes the program before its supervisor.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0o644)
	separate := spec.Confine == "bubblewrap" || spec.Namespaces
	if separate && spec.EgressSocket != "" {
		if err := handOutListener(); err != nil {
			return err
		}
		spec.ProxyPort = proxyPort
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if separate {
		spec.ReadOnly = append(spec.ReadOnly, "/proc")
	}
	abi := landlockABI()
	if spec.LandlockABI > 0 {
		abi = min(abi, spec.LandlockABI)
	}
	// Version 1 forbids every move between directories, which git and most tools need.
	if abi < 2 && spec.Confine == "landlock" {
		return fmt.Errorf("this kernel has Landlock version %d; it takes 2 (Linux 5.19 or newer with `landlock` in the lsm= list)", abi)
	}
	if err := checkJudged(spec); err != nil {
		return err
	}
	if abi >= 2 {
		if err := applyLandlock(spec, abi); err != nil {
			return err
		}
	}
	listener, err := installFilter(FilterOptions{
		Namespaces: separate,
		OwnTree:    spec.Confine == "bubblewrap",
		Egress:     spec.EgressSocket != "",
		NoSignals:  !separate && abi < 6,
		NoTruncate: !separate && abi < 3,
	})
	if err != nil {
		return err
	}
	if listener >= 0 {
		if err := sendFd('S', listener); err != nil {
			return fmt.Errorf("hand over the filter's descriptor: %w", err)
		}
		unix.Close(listener)
	}
	return nil
}

// handOutListener opens the proxy's port on this network namespace's loopback and gives it to the supervisor,
// which is outside and can reach the proxy.
func handOutListener() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("egress bridge: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: proxyPort, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("egress bridge: %w", err)
	}
	if err := unix.Listen(fd, 64); err != nil {
		return fmt.Errorf("egress bridge: %w", err)
	}
	return sendFd('L', fd)
}

func sendFd(kind byte, fd int) error {
	return unix.Sendmsg(controlFd, []byte{kind}, unix.UnixRights(fd), nil, 0)
}

// dropCapabilities empties the bounding and ambient sets; the permitted set goes with the change of uid, or was
// never there, and inside a user namespace with the exec.
func dropCapabilities() error {
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		_ = unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	return nil
}

func setLimits(spec *Spec) error {
	type limit struct {
		what  int
		value uint64
	}
	limits := []limit{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_MSGQUEUE, 0}, {unix.RLIMIT_MEMLOCK, 0}, {unix.RLIMIT_RTPRIO, 0}}
	if spec.FileBytes > 0 {
		limits = append(limits, limit{unix.RLIMIT_FSIZE, spec.FileBytes})
	}
	if spec.OpenFiles > 0 {
		limits = append(limits, limit{unix.RLIMIT_NOFILE, spec.OpenFiles})
	}
	if uid := os.Getuid(); uid != 0 && spec.Pids > 0 {
		// A brake between two looks of the watch: far enough off that the watch, which can tell, comes first.
		limits = append(limits, limit{unix.RLIMIT_NPROC, tasksOfUser(uint32(uid)) + 4*uint64(spec.Pids) + 256})
	}
	for _, wanted := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(wanted.what, &now); err != nil {
			return fmt.Errorf("rlimit %d: %w", wanted.what, err)
		}
		value := min(wanted.value, now.Max)
		if err := syscall.Setrlimit(wanted.what, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("rlimit %d: %w", wanted.what, err)
		}
	}
	return nil
}

func proxyEnv(spec *Spec) []string {
	if spec.ProxyPort == 0 {
		return nil
	}
	url := proxyURL(spec)
	var env []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		env = append(env, name+"="+url, strings.ToLower(name)+"="+url)
	}
	// Who reads the upper case first (golang.org/x/net/proxy, in argocd) knows SOCKS alone; the others know HTTP.
	env = append(env, "ALL_PROXY="+strings.Replace(url, "http:", "socks5:", 1), "all_proxy="+url)
	return append(env, "NO_PROXY=", "no_proxy=")
}

// proxyURL is what the program sees as its proxy; empty where it has none.
func proxyURL(spec *Spec) string {
	if spec.ProxyPort == 0 {
		return ""
	}
	return "http://127.0.0.1:" + strconv.Itoa(spec.ProxyPort)
}
